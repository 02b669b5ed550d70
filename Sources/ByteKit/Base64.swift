public import ModuleABI

/// Base 64 (RFC 4648, 4).
public enum Base64 {
    /// The length of `count` bytes when they are encoded.
    public static func encodedLength(_ count: Int) -> Int { (count + 2) / 3 * 4 }

    public static func encode(_ bytes: Bytes, _ writer: inout ByteWriter) {
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let left = bytes.count - start
            var group = UInt32(bytes[start]) << 16
            if left > 1 { group |= UInt32(bytes[start + 1]) << 8 }
            if left > 2 { group |= UInt32(bytes[start + 2]) }
            writer.append(letter(group >> 18))
            writer.append(letter(group >> 12))
            writer.append(left > 1 ? letter(group >> 6) : UInt8(ascii: "="))
            writer.append(left > 2 ? letter(group) : UInt8(ascii: "="))
        }
    }

    /// Decodes up to the first byte that is none of the alphabet, as httpd does; a lone last letter says nothing.
    /// - Returns: whether nothing but padding follows.
    @discardableResult
    public static func decode(_ text: Bytes, _ writer: inout ByteWriter) -> Bool {
        var group: UInt32 = 0
        var bits: UInt32 = 0
        for index in 0..<text.count {
            guard let value = value(text[index]) else {
                return text.from(index).buffer.allSatisfy { $0 == UInt8(ascii: "=") }
            }
            group = group << 6 | UInt32(value)
            bits += 6
            guard bits >= 8 else { continue }
            bits -= 8
            writer.append(UInt8(truncatingIfNeeded: group >> bits))
        }
        return true
    }

    private static func letter(_ group: UInt32) -> UInt8 {
        switch UInt8(truncatingIfNeeded: group & 63) {
        case let value where value < 26: UInt8(ascii: "A") + value
        case let value where value < 52: UInt8(ascii: "a") + value - 26
        case let value where value < 62: UInt8(ascii: "0") + value - 52
        case 62: UInt8(ascii: "+")
        default: UInt8(ascii: "/")
        }
    }

    private static func value(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
