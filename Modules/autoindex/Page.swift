import ModuleKit

/// A piece of a page that grows.
struct Page {
    private var bytes: [UInt8] = []

    init() { bytes.reserveCapacity(4096) }

    var isEmpty: Bool { bytes.isEmpty }

    mutating func append(_ text: StaticString) { append(Bytes(text)) }
    mutating func append(_ text: Bytes) { bytes.append(contentsOf: text.buffer) }
    mutating func append(_ byte: UInt8) { bytes.append(byte) }

    /// Text in which nothing is markup.
    mutating func append(escaped text: Bytes) {
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

    /// A file name as a relative URL in an attribute. A colon in it must not look like the end of a scheme.
    mutating func append(link name: Bytes) {
        if name.upTo(name.firstIndex(of: UInt8(ascii: "/")) ?? name.count).contains(UInt8(ascii: ":")) { append("./") }
        for byte in name.buffer {
            if byte == UInt8(ascii: "&") { append("&amp;") } else { append(percentEncoded: byte) }
        }
    }

    /// Text as a value in the query of a URL in an attribute: nothing in it ends the value.
    mutating func append(value text: Bytes) {
        for byte in text.buffer {
            switch byte {
            case UInt8(ascii: "&"): append("%26")
            case UInt8(ascii: ";"): append("%3b")
            default: append(percentEncoded: byte)
            }
        }
    }

    private mutating func append(percentEncoded byte: UInt8) {
        guard !byte.isPlainInPath else { return append(byte) }
        append(UInt8(ascii: "%"))
        append(hexDigit(byte >> 4))
        append(hexDigit(byte & 15))
    }

    private func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }

    mutating func append(number: Int) { for byte in String(number).utf8 { append(byte) } }

    mutating func pad(_ count: Int) { if count > 0 { bytes.append(contentsOf: repeatElement(0x20, count: count)) } }

    func withBytes<R>(_ body: (Bytes) -> R) -> R { bytes.withUnsafeBytes { body($0.isEmpty ? Bytes("") : Bytes($0)) } }
}

extension Page {
    /// A size in four characters, as httpd shows it: "  - ", "973 ", "1.0K", " 17M".
    mutating func append(size: Int64) {
        guard size >= 0 else { return append("  - ") }
        guard size >= 973 else {
            append(right: Int(size), width: 3)
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
                append(number: Int(rest))
                append(".")
                append(number: remainder)
            } else {
                append(right: Int(rest) + (remainder >= 512 ? 1 : 0), width: 3)
            }
            return append(unit)
        }
        append("****")
    }

    private mutating func append(right value: Int, width: Int) {
        let digits = String(value).utf8
        pad(width - digits.count)
        for byte in digits { append(byte) }
    }
}
