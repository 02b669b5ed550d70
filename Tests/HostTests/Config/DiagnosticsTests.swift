import Testing

@testable import Host

struct DiagnosticsTests {
    private static func render(_ line: [UInt8], column: Int, hint: String? = nil) -> [String] {
        let diagnostics = Diagnostics()
        let file = SourceFile(path: "/etc/a.conf", bytes: line)
        diagnostics.error("boo", at: SourceLocation(file: file, line: 1, column: column), hint: hint)
        return diagnostics.render().split(separator: "\n").map(String.init)
    }

    @Test(arguments: [
        ("Headr set X", 1, "    Headr set X", "    ^"),
        ("\tHeadr set X\r\n", 2, "     Headr set X", "     ^"),
        ("Ä Ö x", 7, "    Ä Ö x", "        ^"),
        ("a\u{1B}[31mb", 7, "    a\\x1b[31mb", "             ^"),
        ("a\u{202E}b", 5, "    a\\u{202e}b", "             ^"),
        ("ab", 99, "    ab", "      ^"),
    ])
    func quotes(line: String, column: Int, quoted: String, caret: String) {
        let lines = Self.render(Array(line.utf8), column: column)
        #expect(lines == ["/etc/a.conf:1:\(column): error: boo", quoted, caret])
    }

    @Test func showsBytesThatAreNotUTF8() {
        #expect(Self.render([0x61, 0xFF, 0x62], column: 3).suffix(2) == ["    a\u{FFFD}b", "      ^"])
    }

    @Test(arguments: [1, 40, 150, 299, 300])
    func cutsLongLines(column: Int) {
        let line = (0..<300).map { $0 == column - 1 ? UInt8(ascii: "X") : UInt8(ascii: "-") }
        let lines = Self.render(line, column: column)
        let quoted = Array(lines[1])
        #expect(quoted.count <= 106)
        #expect(quoted[lines[2].count - 1] == "X")
        #expect((quoted[4] == "…") == (column > 41))
    }

    @Test func showsHintAndIncludes() {
        let diagnostics = Diagnostics()
        let outer = SourceFile(path: "main", bytes: Array("Include x\n".utf8))
        let inner = SourceFile(
            path: "x", bytes: Array("Boo\n".utf8),
            includedFrom: SourceLocation(file: outer, line: 1, column: 1))
        diagnostics.warning("m", at: SourceLocation(file: inner, line: 1, column: 1), hint: "h")
        #expect(
            diagnostics.render() == "x:1:1: warning: m\n    Boo\n    ^\n  hint: h\n  included from main:1\n")
        #expect(!diagnostics.hasErrors)
    }

    @Test func shortensLongIncludeChains() {
        var file = SourceFile(path: "0", bytes: [])
        for depth in 1...10 {
            file = SourceFile(
                path: "\(depth)", bytes: [], includedFrom: SourceLocation(file: file, line: 1, column: 1))
        }
        let diagnostics = Diagnostics()
        diagnostics.error("m", at: SourceLocation(file: file))
        let lines = diagnostics.render().split(separator: "\n")
        #expect(lines.first == "10: error: m")
        #expect(lines.count == 8)
        #expect(lines[4] == "  … 4 more …")
        #expect(diagnostics.errorCount == 1)
    }

    @Test func managesWithoutALocation() {
        let diagnostics = Diagnostics()
        diagnostics.notice("m", at: nil)
        #expect(diagnostics.render() == "notice: m\n")
    }
}
