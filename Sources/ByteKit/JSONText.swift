public import ModuleABI

extension ByteWriter {
    /// Appends text as the inside of a JSON string (RFC 8259, 7): valid UTF-8 whatever the bytes are. What belongs to no
    /// character becomes U+FFFD, byte by byte; what a terminal could obey, or a reader take for the end of a line, is escaped.
    public mutating func append(json text: Bytes) {
        var plainFrom = 0
        var at = 0
        while at < text.count {
            let byte = text[at]
            if byte >= 0x20, byte < 0x7f, byte != 0x22, byte != 0x5c {
                at &+= 1
                continue
            }
            append(text[plainFrom..<at])
            if byte < 0x80 {
                append(jsonEscapeOf: byte)
                at &+= 1
            } else {
                at &+= append(jsonCharacterAt: at, of: text)
            }
            plainFrom = at
        }
        append(text[plainFrom..<at])
    }

    private mutating func append(jsonEscapeOf byte: UInt8) {
        append(UInt8(ascii: "\\"))
        switch byte {
        case 0x22, 0x5c: append(byte)
        case 0x08: append(UInt8(ascii: "b"))
        case 0x09: append(UInt8(ascii: "t"))
        case 0x0a: append(UInt8(ascii: "n"))
        case 0x0c: append(UInt8(ascii: "f"))
        case 0x0d: append(UInt8(ascii: "r"))
        default: append(fourDigits: UInt32(byte))
        }
    }

    /// - Returns: how many bytes it took.
    private mutating func append(jsonCharacterAt at: Int, of text: Bytes) -> Int {
        let length = text.utf8Length(at: at)
        switch length {
        case 0:
            append("\u{fffd}")
            return 1
        case 2 where text[at] == 0xc2 && text[at &+ 1] < 0xa0:
            append(UInt8(ascii: "\\"))
            append(fourDigits: UInt32(text[at &+ 1]))
        case 3 where text[at] == 0xe2 && text[at &+ 1] == 0x80 && text[at &+ 2] & 0xfe == 0xa8:
            append(text[at &+ 2] == 0xa8 ? "\\u2028" : "\\u2029")
        default: append(text[at..<at &+ length])
        }
        return length
    }

    private mutating func append(fourDigits value: UInt32) {
        append("u00")
        if value < 16 { append(UInt8(ascii: "0")) }
        append(hex: UInt64(value))
    }

    /// Takes back what was written after the first `count` bytes.
    public mutating func shorten(to count: Int) { length = min(length, max(count, 0)) }
}

extension Bytes {
    /// How many bytes the character at a place has that is not ASCII; 0: it is none (RFC 3629, 4).
    fileprivate func utf8Length(at: Int) -> Int {
        let lead = self[at]
        var second: ClosedRange<UInt8> = 0x80...0xbf
        let length: Int
        switch lead {
        case 0xc2...0xdf: length = 2
        case 0xe0: (length, second) = (3, 0xa0...0xbf)
        case 0xed: (length, second) = (3, 0x80...0x9f)
        case 0xe1...0xef: length = 3
        case 0xf0: (length, second) = (4, 0x90...0xbf)
        case 0xf1...0xf3: length = 4
        case 0xf4: (length, second) = (4, 0x80...0x8f)
        default: return 0
        }
        guard count &- at >= length, second.contains(self[at &+ 1]) else { return 0 }
        for index in at &+ 2..<max(at &+ length, at &+ 2) where self[index] & 0xc0 != 0x80 { return 0 }
        return length
    }
}
