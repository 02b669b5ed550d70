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
    mutating func append(escaped text: Bytes) { bytes.append(escapingHTML: text) }

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

    mutating func append(size: Int64) { bytes.append(shortSize: size) }

    mutating func pad(_ count: Int) { if count > 0 { bytes.append(contentsOf: repeatElement(0x20, count: count)) } }

    func withBytes<R>(_ body: (Bytes) -> R) -> R { bytes.withUnsafeBytes { body($0.isEmpty ? Bytes("") : Bytes($0)) } }
}
