public import ByteKit

/// Base64 with padding (RFC 4648 section 4).
public enum Base64 {
    private static let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/" as StaticString

    /// How many bytes `count` bytes become.
    public static func encodedCount(_ count: Int) -> Int { (count + 2) / 3 * 4 }

    public static func encode(_ bytes: Bytes, into writer: inout ByteWriter) {
        let letters = alphabet.utf8Start
        var index = 0
        while index < bytes.count {
            let left = bytes.count - index
            let first = UInt32(bytes[index]) << 16
            let second = left > 1 ? UInt32(bytes[index + 1]) << 8 : 0
            let word = first | second | (left > 2 ? UInt32(bytes[index + 2]) : 0)
            writer.append(letters[Int(word >> 18)])
            writer.append(letters[Int(word >> 12 & 63)])
            writer.append(left > 1 ? letters[Int(word >> 6 & 63)] : 0x3d)
            writer.append(left > 2 ? letters[Int(word & 63)] : 0x3d)
            index += 3
        }
    }

    private static func value(_ byte: UInt8) -> UInt32? {
        switch byte {
        case 0x41...0x5a: UInt32(byte &- 0x41)
        case 0x61...0x7a: UInt32(byte &- 0x61 &+ 26)
        case 0x30...0x39: UInt32(byte &- 0x30 &+ 52)
        case 0x2b: 62
        case 0x2f: 63
        default: nil
        }
    }

    /// Decodes up to the first byte that is none of the alphabet's; padding may be missing.
    /// - Parameter place: room for 3 bytes for each 4 that are given.
    /// - Returns: how many bytes were written; nil: something other than padding follows.
    public static func decode(_ text: Bytes, into place: UnsafeMutablePointer<UInt8>) -> Int? {
        var count = 0
        var word: UInt32 = 0
        var bits = 0
        var index = 0
        while index < text.count, let value = value(text[index]) {
            word = word << 6 | value
            bits += 6
            if bits >= 8 {
                bits -= 8
                place[count] = UInt8(truncatingIfNeeded: word >> UInt32(bits))
                count += 1
            }
            index += 1
        }
        for rest in index..<text.count where text[rest] != 0x3d { return nil }
        return count
    }
}
