/// One argument of a directive, with its quotes and backslashes taken away.
struct Word {
    let bytes: [UInt8]
    /// Where the word begins, its quote included.
    let location: SourceLocation
    let isQuoted: Bool

    var text: String { bytes.configText }

    var column: Int { location.column }
}

/// Splits text into words by httpd's rules.
///
/// White space separates words. A word that begins with a single or double quote goes on to the same quote; a
/// backslash there hides the quote or another backslash and is kept before anything else. Outside quotes only
/// two backslashes become one. What follows a closing quote at once is a word of its own.
struct WordReader {
    private let text: SourceText
    private var offset = 0

    private static let backslash = UInt8(ascii: "\\")

    init(_ text: SourceText) {
        self.text = text
    }

    /// The next word, or nil at the end. A quote that is never closed is a warning: httpd takes it as closed.
    mutating func next(_ diagnostics: Diagnostics? = nil) -> Word? {
        skipSpace()
        guard let first = byte(at: offset) else { return nil }
        let location = text.location(at: offset)
        guard first == UInt8(ascii: "\"") || first == UInt8(ascii: "'") else {
            return Word(bytes: readPlain(), location: location, isQuoted: false)
        }
        let (bytes, isClosed) = readQuoted(by: first)
        if !isClosed {
            let quote = first == UInt8(ascii: "'") ? "'" : "\""
            diagnostics?.warning(
                "the quote that begins here is never closed; the rest of the line is taken as one word",
                at: location, hint: "add \(quote) where the word ends")
        }
        return Word(bytes: bytes, location: location, isQuoted: true)
    }

    /// What has not been read yet, without the white space before it.
    var rest: SourceText { text[offset..<text.bytes.count].trimmed }

    private func byte(at position: Int) -> UInt8? {
        position < text.bytes.count ? text.bytes[position] : nil
    }

    private mutating func skipSpace() {
        while let next = byte(at: offset), next.isConfigSpace { offset += 1 }
    }

    private mutating func readPlain() -> [UInt8] {
        let end = text.bytes[offset...].firstIndex(where: \.isConfigSpace) ?? text.bytes.count
        guard text.bytes[offset..<end].contains(Self.backslash) else {
            defer { offset = end }
            return Array(text.bytes[offset..<end])
        }
        var word: [UInt8] = []
        while let next = byte(at: offset), !next.isConfigSpace {
            if next == Self.backslash, byte(at: offset + 1) == Self.backslash { offset += 1 }
            word.append(next)
            offset += 1
        }
        return word
    }

    private mutating func readQuoted(by quote: UInt8) -> (bytes: [UInt8], isClosed: Bool) {
        var word: [UInt8] = []
        offset += 1
        while var next = byte(at: offset) {
            offset += 1
            if next == quote { return (word, true) }
            if next == Self.backslash, let hidden = byte(at: offset), hidden == quote || hidden == next {
                next = hidden
                offset += 1
            }
            word.append(next)
        }
        return (word, false)
    }
}

extension SourceText {
    /// All words of the text.
    func words(_ diagnostics: Diagnostics? = nil) -> [Word] {
        var reader = WordReader(self)
        return Array(sequence(state: ()) { _ in reader.next(diagnostics) })
    }
}
