import Testing

@testable import Host

/// Splitting arguments, each case checked against httpd.
struct WordsTests {
    private static func text(_ string: String) -> SourceText {
        var text = SourceText(file: SourceFile(path: "t", bytes: Array(string.utf8)))
        text.append(Array(string.utf8), line: 1, column: 1)
        return text
    }

    @Test(arguments: [
        ("a b", ["a", "b"]),
        ("  a \t b  ", ["a", "b"]),
        ("a\u{0B}b", ["a", "b"]),
        ("a\rb", ["a", "b"]),
        ("", []),
        (#""a b""#, ["a b"]),
        ("'a b'", ["a b"]),
        (#""b"c"#, ["b", "c"]),
        (#""a""b""#, ["a", "b"]),
        (#"a"b c""#, [#"a"b"#, #"c""#]),
        (#""""#, [""]),
        (#"a """#, ["a", ""]),
        (#""x\"y\\z\q""#, [#"x"y\z\q"#]),
        (#"'x\"y\'z'"#, [#"x\"y'z"#]),
        (#"x\\y\"z"#, [#"x\y\"z"#]),
        (#"\d+\.html"#, [#"\d+\.html"#]),
        (#"a\\"#, [#"a\"#]),
        (#""a\\" b"#, [#"a\"#, "b"]),
        (#"it's"#, ["it's"]),
        ("é 漢", ["é", "漢"]),
    ])
    func splits(line: String, words: [String]) {
        let diagnostics = Diagnostics()
        #expect(Self.text(line).words(diagnostics).map(\.text) == words)
        #expect(diagnostics.all.isEmpty)
    }

    @Test(arguments: [
        (#"a "b c"#, ["a", "b c"], 3),
        ("'b\" c", ["b\" c"], 1),
        (#"""#, [""], 1),
        (#""b\""#, [#"b""#], 1),
    ])
    func toleratesAnOpenQuote(line: String, words: [String], column: Int) {
        let diagnostics = Diagnostics()
        #expect(Self.text(line).words(diagnostics).map(\.text) == words)
        #expect(diagnostics.all.map(\.severity) == [.warning])
        #expect(diagnostics.all.first?.location?.column == column)
    }

    @Test func keepsBytesThatAreNotUTF8() {
        var text = SourceText(file: SourceFile(path: "t", bytes: []))
        text.append([0xFF, 0x20, 0xC3], line: 1, column: 1)
        #expect(text.words().map(\.bytes) == [[0xFF], [0xC3]])
    }

    @Test func knowsColumnsAndQuotes() {
        let words = Self.text(#"ab  "c d" e"#).words()
        #expect(words.map(\.column) == [1, 5, 11])
        #expect(words.map(\.isQuoted) == [false, true, false])
    }

    @Test func givesTheRest() {
        var reader = WordReader(Self.text(#"name  "a b"   c  "#))
        #expect(reader.next()?.text == "name")
        #expect(reader.rest.bytes.configText == #""a b"   c"#)
        #expect(reader.rest.location.column == 7)
    }
}
