public import ByteKit
public import ModuleABI

extension UInt8 {
    /// Whether the byte may stand for itself in the path of a URL (RFC 3986 section 3.3, plus '/').
    @inlinable
    public var isPlainInPath: Bool {
        if self &- 0x30 < 10 || (self | 0x20) &- 0x61 < 26 { return true }
        switch self {
        case 0x21, 0x24, 0x26...0x2f, 0x3a, 0x3b, 0x3d, 0x40, 0x5f, 0x7e: return true
        default: return false
        }
    }
}

extension ByteWriter {
    /// Appends decoded bytes as part of a URL's path: whatever could end the path, the line or the header is
    /// escaped.
    public mutating func append(escapingPath bytes: Bytes) {
        for byte in bytes.buffer {
            if byte.isPlainInPath {
                append(byte)
            } else {
                append(0x25)
                append(lowerHexDigit(byte >> 4))
                append(lowerHexDigit(byte & 15))
            }
        }
    }

    private func lowerHexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }
}

extension Pool {
    /// Bytes composed by `body` in at most `capacity` bytes of the pool.
    public func compose(capacity: Int, _ body: (inout ByteWriter) -> Void) -> Bytes {
        let room = allocate(UInt8.self, count: capacity)
        var writer = ByteWriter(UnsafeMutableRawPointer(room), capacity: capacity)
        body(&writer)
        return writer.written
    }
}

extension Request {
    /// Scheme, host and port that a Location header begins with, without a slash: "https://example.com:8443".
    public var origin: Bytes {
        let url = absoluteURL(Bytes("/"))
        guard let colon = url.firstIndex(of: 0x3a),
            let slash = url.firstIndex(of: 0x2f, from: colon + 3)
        else { return url }
        return url.upTo(slash)
    }
}
