public import ModuleABI

/// Names and values as forms send them: NAME=VALUE&NAME=VALUE, percent-encoded, with '+' for a space
/// (application/x-www-form-urlencoded).
public enum FormText {
    /// Calls `body` for each pair as it stands, still encoded; the value is not set where there is no '='.
    public static func eachPair(_ text: Bytes, _ body: (_ name: Bytes, _ value: Bytes) -> Void) {
        var rest = text
        while !rest.isEmpty {
            let end = rest.firstIndex(of: UInt8(ascii: "&")) ?? rest.count
            let pair = rest.upTo(end)
            rest = rest.from(min(end + 1, rest.count))
            guard let equals = pair.firstIndex(of: UInt8(ascii: "=")) else {
                body(pair, .none)
                continue
            }
            body(pair.upTo(equals), pair.from(equals + 1))
        }
    }

    /// Decodes a name or value. False: it is malformed, or holds a NUL byte.
    public static func decode(_ text: Bytes, _ writer: inout ByteWriter) -> Bool {
        var index = 0
        while index < text.count {
            let byte = text[index]
            index += 1
            switch byte {
            case UInt8(ascii: "+"): writer.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                guard index + 2 <= text.count, let high = text[index].hexValue, let low = text[index + 1].hexValue,
                    high | low != 0
                else { return false }
                writer.append(high << 4 | low)
                index += 2
            default: writer.append(byte)
            }
        }
        return true
    }

    /// So many bytes are enough for `count` encoded ones.
    public static func encodedLength(_ count: Int) -> Int { count * 3 }

    public static func encode(_ text: Bytes, _ writer: inout ByteWriter) {
        for byte in text.buffer {
            switch byte {
            case UInt8(ascii: " "): writer.append(UInt8(ascii: "+"))
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
                UInt8(ascii: "*"):
                writer.append(byte)
            default:
                writer.append(UInt8(ascii: "%"))
                if byte < 16 { writer.append(UInt8(ascii: "0")) }
                writer.append(hex: UInt64(byte))
            }
        }
    }
}
