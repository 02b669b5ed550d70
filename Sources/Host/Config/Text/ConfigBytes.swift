import ByteKit

extension UInt8 {
    /// Whether the byte separates words: C's `isspace` in the C locale, as httpd uses it.
    var isConfigSpace: Bool { self == 0x20 || (0x09...0x0D).contains(self) }
}

extension Collection where Element == UInt8 {
    /// The bytes as text for messages and lookups; what is not UTF-8 becomes U+FFFD.
    var configText: String { String(decoding: self, as: UTF8.self) }

    /// Whether the bytes begin with `prefix`.
    func hasPrefix(_ prefix: StaticString) -> Bool {
        prefix.withUTF8Buffer { starts(with: $0) }
    }
}

extension String {
    /// The name with ASCII capitals made small; directive, section and variable names are compared so.
    var asciiLowered: String {
        guard utf8.contains(where: { $0 &- 0x41 < 26 }) else { return self }
        let count = utf8.count
        return String(unsafeUninitializedCapacity: count) { place in
            for (index, byte) in utf8.enumerated() { place[index] = byte.asciiLowercased }
            return count
        }
    }

    var asciiUppered: String { String(decoding: utf8.map { $0 &- 0x61 < 26 ? $0 & 0xdf : $0 }, as: UTF8.self) }

    /// Whether two names are the same but for ASCII case.
    func isSameName(as other: String) -> Bool {
        utf8.lazy.map(\.asciiLowercased).elementsEqual(other.utf8.lazy.map(\.asciiLowercased))
    }
}
