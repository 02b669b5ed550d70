public import ByteKit
import ModuleABI

/// Text for pages, piece by piece.
extension [UInt8] {
    /// Appends bytes as they are.
    public mutating func append(_ bytes: Bytes) { append(contentsOf: bytes.buffer) }

    /// Appends a literal.
    public mutating func append(_ literal: StaticString) { append(Bytes(literal)) }

    /// Text in which nothing is markup.
    public mutating func append(escapingHTML text: Bytes) {
        for byte in text.buffer {
            switch byte {
            case UInt8(ascii: "&"): append("&amp;")
            case UInt8(ascii: "<"): append("&lt;")
            case UInt8(ascii: ">"): append("&gt;")
            case UInt8(ascii: "\""): append("&quot;")
            default: append(byte)
            }
        }
    }

    /// A size in four characters, as httpd shows it: "  - ", "973 ", "1.0K", " 17M".
    public mutating func append(shortSize size: Int64) {
        guard size >= 0 else { return append("  - ") }
        guard size >= 973 else {
            append(right: Int(size))
            return append(0x20)
        }
        var rest = size
        for unit in "KMGTPE".utf8 {
            var remainder = Int(rest & 1023)
            rest >>= 10
            if rest >= 973 { continue }
            if rest < 9 || rest == 9 && remainder < 973 {
                remainder = (remainder * 5 + 256) / 512
                if remainder >= 10 {
                    rest += 1
                    remainder = 0
                }
                append(contentsOf: "\(rest).\(remainder)".utf8)
            } else {
                append(right: Int(rest) + (remainder >= 512 ? 1 : 0))
            }
            return append(unit)
        }
        append("****")
    }

    /// A number in three characters at least.
    private mutating func append(right value: Int) {
        let digits = String(value).utf8
        append(contentsOf: repeatElement(0x20, count: Swift.max(0, 3 - digits.count)))
        append(contentsOf: digits)
    }
}
