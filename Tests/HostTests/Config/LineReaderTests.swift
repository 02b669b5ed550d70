import Testing

@testable import Host

/// Joining and trimming lines, each case checked against httpd.
struct LineReaderTests {
    private static func lines(_ content: [UInt8], limit: Int = 1000, _ diagnostics: Diagnostics)
        -> [SourceText]
    {
        var reader = LineReader(SourceFile(path: "t", bytes: content), maximumLength: limit)
        return Array(sequence(state: ()) { _ in reader.next(diagnostics) })
    }

    @Test(arguments: [
        ("a b\nc d\n", ["1:a b", "2:c d"]),
        ("a\n\n  \nb", ["1:a", "4:b"]),
        ("  \ta b \t\n", ["1:a b"]),
        ("a\r\nb\r\n", ["1:a", "2:b"]),
        ("a b\\\nc d\n", ["1:a bc d"]),
        ("a \\\n   b\n", ["1:a    b"]),
        ("a b\\\r\nc\r\nd", ["1:a bc", "3:d"]),
        ("a b\\\\\nc d\n", ["1:a b\\c d"]),
        ("a b\\ \nc d\n", ["1:a b\\", "2:c d"]),
        ("a b\\\n\nc d\n", ["1:a b", "3:c d"]),
        ("a b\\\\\n\nc d\n", ["1:a bc d"]),
        ("a b\\\\\r\n\r\nc d\n", ["1:a bc d"]),
        ("a\\\n\\\nb\nc", ["1:ab", "4:c"]),
        ("a b\\", ["1:a b\\"]),
        ("a \\\nb \\\nc\nd", ["1:a b c", "4:d"]),
        ("# c\na\n  # d\nb", ["2:a", "4:b"]),
        ("# c \\\na b\nc d\n", ["3:c d"]),
        ("\\\n# c\na", ["3:a"]),
        ("a # b\n", ["1:a # b"]),
        ("\\\n\\\n  a\n", ["3:a"]),
        ("", []),
        ("\n", []),
        ("\\\n", []),
    ])
    func reads(content: String, expected: [String]) {
        let diagnostics = Diagnostics()
        let lines = Self.lines(Array(content.utf8), diagnostics)
        #expect(lines.map { "\($0.location.line):\($0.bytes.configText)" } == expected)
        #expect(diagnostics.all.isEmpty)
    }

    @Test func pointsIntoContinuedLines() {
        let lines = Self.lines(Array("Name one \\\n  two\\\nthree\n".utf8), Diagnostics())
        let words = lines[0].words()
        #expect(words.map { "\($0.location.line):\($0.column)" } == ["1:1", "1:6", "2:3"])
        #expect(words.last?.text == "twothree")
        #expect(lines[0].location(at: lines[0].bytes.count - 1).line == 3)
    }

    @Test func refusesNUL() {
        let diagnostics = Diagnostics()
        let lines = Self.lines(Array("a\nbc\0d\ne\n".utf8), diagnostics)
        #expect(lines.map(\.bytes.configText) == ["a"])
        #expect(
            diagnostics.all.map { "\($0.location?.description ?? ""):\($0.location?.column ?? 0)" } == [
                "t:2:3"
            ])
    }

    @Test func refusesLongLinesAndGoesOn() {
        let diagnostics = Diagnostics()
        let lines = Self.lines(Array("aaaaaa\nbb\ncccc\\\ncccc\ndd".utf8), limit: 5, diagnostics)
        #expect(lines.map(\.bytes.configText) == ["bb", "dd"])
        #expect(diagnostics.all.map(\.location?.line) == [1, 3])
    }
}
