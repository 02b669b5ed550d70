import ModuleKit

/// Reads a format item by item: literal text, or '%', modifiers, an argument in braces, and a letter.
struct FormatReader {
    let text: Bytes
    let host: Host
    let pool: Pool
    private var at = 0

    init(text: Bytes, host: Host, pool: Pool) {
        self.text = text
        self.host = host
        self.pool = pool
    }

    /// The next item; nil at the end.
    mutating func next() throws -> LogItem? {
        guard let byte = peek() else { return nil }
        guard byte == UInt8(ascii: "%") else { return literal() }
        at += 1
        if peek() == UInt8(ascii: "%") {
            at += 1
            return LogItem(text: Bytes("%"))
        }
        return try directive()
    }

    private func peek(_ ahead: Int = 0) -> UInt8? { at + ahead < text.count ? text[at + ahead] : nil }

    /// Text up to the next '%'. A backslash makes \n, \r, \t and \\; before anything else it stands for
    /// itself.
    private mutating func literal() -> LogItem {
        var bytes: [UInt8] = []
        while let byte = peek(), byte != UInt8(ascii: "%") {
            at += 1
            guard byte == UInt8(ascii: "\\"), let next = peek(), let meaning = Self.escapes[next] else {
                bytes.append(byte)
                continue
            }
            bytes.append(meaning)
            at += 1
        }
        return LogItem(text: bytes.withUnsafeBytes { pool.copy(Bytes($0)) })
    }

    private static let escapes: [UInt8: UInt8] = [
        UInt8(ascii: "n"): 0x0a, UInt8(ascii: "r"): 0x0d, UInt8(ascii: "t"): 0x09, UInt8(ascii: "\\"): 0x5c,
    ]

    /// What follows a '%': modifiers in any order up to the letter.
    private mutating func directive() throws -> LogItem {
        var item = LogItem()
        var wantsOriginal: Bool?
        var argument = Bytes("")
        while let byte = peek() {
            at += 1
            switch byte {
            case UInt8(ascii: "!"): item.isNegated.toggle()
            case UInt8(ascii: "<"): wantsOriginal = true
            case UInt8(ascii: ">"): wantsOriginal = false
            case UInt8(ascii: ","): continue
            case UInt8(ascii: "{"): argument = pool.copy(braced())
            case _ where byte.isDigit: item.statuses.append(status(from: byte), in: pool)
            default:
                let letter = letter(from: byte)
                try ItemLetters(host: host).fill(&item, letter, argument)
                item.usesOriginal = wantsOriginal ?? ItemLetters.asksOriginal(letter)
                return item
            }
        }
        throw FormatError(message: "\"\(text.string)\" ends in the middle of a % item: its letter is missing")
    }

    /// The text up to the closing brace, or to the end.
    private mutating func braced() -> Bytes {
        let end = text.firstIndex(of: UInt8(ascii: "}"), from: at) ?? text.count
        defer { at = min(end + 1, text.count) }
        return text[at..<end]
    }

    private mutating func status(from first: UInt8) -> Int32 {
        var value = Int32(first - 0x30)
        while let byte = peek(), byte.isDigit {
            value = min(value, 99_999) * 10 + Int32(byte - 0x30)
            at += 1
        }
        return value
    }

    /// One letter, or three bytes that begin with a caret.
    private mutating func letter(from first: UInt8) -> Bytes {
        let start = at - 1
        if first == UInt8(ascii: "^"), start + 3 <= text.count { at = start + 3 }
        return text[start..<at]
    }
}
