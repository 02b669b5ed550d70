/// Reads the logical lines of a source, as httpd does.
///
/// A backslash right before the end of a line joins the next line to it, with nothing in between. White
/// space at both ends goes away; blank lines and lines whose first byte is `#` are skipped. The join comes
/// first, so a comment that ends in a backslash goes on in the next line. A copy of the reader reads ahead.
struct LineReader {
    /// httpd's limit for a logical line, 16 MiB.
    static let maximumLength = 16 << 20

    let file: SourceFile
    private let maximumLength: Int
    private var nextLine = 1

    init(_ file: SourceFile, maximumLength: Int = LineReader.maximumLength) {
        self.file = file
        self.maximumLength = maximumLength
    }

    /// The next line that holds a directive or a section's tag; nil at the end.
    mutating func next(_ diagnostics: Diagnostics? = nil) -> SourceText? {
        while nextLine <= file.lineCount {
            if let text = readPlain() {
                if text.isEmpty { continue }
                return text
            }
            let line = readJoined()
            if let nul = line.bytes.firstIndex(of: 0) {
                diagnostics?.error(
                    "a NUL byte, which no configuration holds; the rest of the file is not read",
                    at: line.location(at: nul), hint: "is this a text file, in ASCII or UTF-8?")
                nextLine = file.lineCount + 1
                return nil
            }
            guard line.bytes.count <= maximumLength else {
                diagnostics?.error(
                    "the line is \(line.bytes.count) bytes long, more than the \(maximumLength) allowed",
                    at: line.location, hint: "is a backslash at the end of a line joining too much?")
                continue
            }
            let text = line.trimmed
            if !text.isEmpty, text.bytes.first != UInt8(ascii: "#") {
                return text
            }
        }
        return nil
    }

    /// Reads a line that is one physical line without anything to report, as most are; empty: it holds nothing. Nil: it is not such
    /// a line.
    private mutating func readPlain() -> SourceText? {
        let line = file.lineWithTerminator(nextLine)
        guard line.count <= maximumLength, Self.endBeforeContinuation(of: line) == nil, !line.contains(0) else { return nil }
        let number = nextLine
        nextLine += 1
        guard let first = line.firstIndex(where: { !$0.isConfigSpace }), line[first] != UInt8(ascii: "#"),
            let last = line.lastIndex(where: { !$0.isConfigSpace })
        else { return SourceText(file: file) }
        return SourceText(file: file, line[first...last], line: number, column: first - line.startIndex + 1)
    }

    /// Reads physical lines up to one that is not continued.
    private mutating func readJoined() -> SourceText {
        var text = SourceText(file: file)
        while nextLine <= file.lineCount {
            text.append(file.lineWithTerminator(nextLine), line: nextLine, column: 1)
            nextLine += 1
            guard let end = Self.endBeforeContinuation(of: text.bytes[...]) else { break }
            text.truncate(to: end)
        }
        return text
    }

    /// Where a line ends whose last bytes are a backslash and a line end; nil if it is not continued.
    ///
    /// httpd looks at all it has joined so far: after `a\\` one backslash is left, and an empty line then finds
    /// it before its own end and is a continuation too.
    private static func endBeforeContinuation(of bytes: ArraySlice<UInt8>) -> Int? {
        guard bytes.last == 0x0A else { return nil }
        let withoutFeed = bytes.dropLast()
        let content = withoutFeed.last == 0x0D ? withoutFeed.dropLast() : withoutFeed
        return content.last == UInt8(ascii: "\\") ? content.count - 1 : nil
    }
}
