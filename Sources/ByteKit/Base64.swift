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
        let values = Base64.values
        let letters = text.buffer
        var index = 0
        while index &+ 4 <= letters.count {
            let (a, b) = (UInt32(values[Int(letters[index])]), UInt32(values[Int(letters[index &+ 1])]))
            let (c, d) = (UInt32(values[Int(letters[index &+ 2])]), UInt32(values[Int(letters[index &+ 3])]))
            guard (a | b | c | d) < 64 else { break }
            let group = a &<< 18 | b &<< 12 | c &<< 6 | d
            guard let place = writer.reserve(3) else { break }
            place[0] = UInt8(truncatingIfNeeded: group &>> 16)
            place[1] = UInt8(truncatingIfNeeded: group &>> 8)
            place[2] = UInt8(truncatingIfNeeded: group)
            index &+= 4
        }
        return decodeRest(text.from(index), &writer)
    }

    /// Less than four letters, and what follows them.
    private static func decodeRest(_ text: Bytes, _ writer: inout ByteWriter) -> Bool {
        var group: UInt32 = 0
        var bits: UInt32 = 0
        for index in 0..<text.count {
            let value = values[Int(text[index])]
            guard value < 64 else { return text.from(index).buffer.allSatisfy { $0 == UInt8(ascii: "=") } }
            group = group << 6 | UInt32(value)
            bits += 6
            guard bits >= 8 else { continue }
            bits -= 8
            writer.append(UInt8(truncatingIfNeeded: group >> bits))
        }
        return true
    }

    /// Decodes base64url without padding (RFC 4648, 5), and nothing else.
    /// - Returns: nil: it is none, or not the only way to write these bytes.
    public static func decodeURL(_ text: some Sequence<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        var group: UInt32 = 0
        var bits: UInt32 = 0
        for letter in text {
            guard let value = urlValue(letter) else { return nil }
            group = group << 6 | UInt32(value)
            bits += 6
            guard bits >= 8 else { continue }
            bits -= 8
            bytes.append(UInt8(truncatingIfNeeded: group >> bits))
            group &= (1 << bits) - 1
        }
        return bits < 6 && group == 0 ? bytes : nil
    }

    private static func urlValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "-"): 62
        case UInt8(ascii: "_"): 63
        case UInt8(ascii: "+"), UInt8(ascii: "/"): nil
        default: values[Int(byte)] < 64 ? values[Int(byte)] : nil
        }
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

    /// What each letter stands for; 255: it is none.
    nonisolated(unsafe) private static let values: UnsafePointer<UInt8> = {
        let values = UnsafeMutablePointer<UInt8>.allocate(capacity: 256)
        values.initialize(repeating: 255, count: 256)
        for value in 0..<64 { values[Int(letter(UInt32(value)))] = UInt8(value) }
        return UnsafePointer(values)
    }()
}
