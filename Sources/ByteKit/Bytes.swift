import Glibc
public import ModuleABI

/// Borrowed bytes: a pointer and a length, in any encoding. Whoever hands them out says how long they live.
public typealias Bytes = apus_str

extension apus_str {
    /// No bytes, and no place either: what an unset string looks like.
    @inlinable @inline(__always)
    public static var none: Bytes { Bytes(ptr: nil, len: 0) }

    /// The bytes of a literal; they live for ever.
    @inlinable @inline(__always)
    public init(_ literal: StaticString) {
        self.init(
            ptr: UnsafeRawPointer(literal.utf8Start).assumingMemoryBound(to: CChar.self), len: literal.utf8CodeUnitCount)
    }

    @inlinable @inline(__always)
    public init(_ buffer: UnsafeRawBufferPointer) {
        self.init(ptr: buffer.baseAddress?.assumingMemoryBound(to: CChar.self), len: buffer.count)
    }

    @inlinable @inline(__always)
    public init(_ start: UnsafeRawPointer, count: Int) {
        self.init(ptr: start.assumingMemoryBound(to: CChar.self), len: count)
    }

    /// The bytes before the terminating NUL.
    @inlinable
    public init(cString: UnsafePointer<CChar>) {
        self.init(ptr: cString, len: strlen(cString))
    }

    @inlinable @inline(__always)
    public var isEmpty: Bool { len == 0 }

    /// Whether there is a value at all, be it empty.
    @inlinable @inline(__always)
    public var isSet: Bool { ptr != nil }

    @inlinable @inline(__always)
    public var count: Int { Int(len) }

    @inlinable @inline(__always)
    public var buffer: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: ptr, count: Int(len)) }

    @inlinable @inline(__always)
    public subscript(index: Int) -> UInt8 { buffer[index] }

    /// The bytes from `start` up to `end`: for scanners that have been there, so that nothing is left to check.
    @inlinable @inline(__always)
    public func unchecked(_ start: Int, _ end: Int) -> Bytes { Bytes(ptr: ptr.unsafelyUnwrapped + start, len: end &- start) }

    /// The bytes from `start` up to `end`, which must lie inside.
    @inlinable @inline(__always)
    public subscript(range: Range<Int>) -> Bytes { Bytes(UnsafeRawBufferPointer(rebasing: buffer[range])) }

    @inlinable @inline(__always)
    public func from(_ start: Int) -> Bytes { self[start..<count] }

    @inlinable @inline(__always)
    public func upTo(_ end: Int) -> Bytes { self[0..<end] }

    @inlinable
    public static func == (a: Bytes, b: Bytes) -> Bool {
        a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, Int(a.len)) == 0)
    }

    @inlinable
    public static func != (a: Bytes, b: Bytes) -> Bool { !(a == b) }

    @inlinable
    public static func == (a: Bytes, b: StaticString) -> Bool { a == Bytes(b) }

    @inlinable
    public static func != (a: Bytes, b: StaticString) -> Bool { !(a == Bytes(b)) }

    /// Whether the bytes are equal when ASCII letters are compared without case.
    @inlinable
    public func equalsIgnoringCase(_ other: Bytes) -> Bool {
        len == other.len && (len == 0 || strncasecmp(ptr, other.ptr, Int(len)) == 0)
    }

    @inlinable
    public func equalsIgnoringCase(_ literal: StaticString) -> Bool { equalsIgnoringCase(Bytes(literal)) }

    @inlinable
    public func hasPrefix(_ prefix: Bytes) -> Bool {
        len >= prefix.len && (prefix.len == 0 || memcmp(ptr, prefix.ptr, Int(prefix.len)) == 0)
    }

    @inlinable
    public func hasPrefix(_ literal: StaticString) -> Bool { hasPrefix(Bytes(literal)) }

    @inlinable
    public func hasPrefixIgnoringCase(_ literal: StaticString) -> Bool {
        let prefix = Bytes(literal)
        return len >= prefix.len && strncasecmp(ptr, prefix.ptr, Int(prefix.len)) == 0
    }

    @inlinable
    public func hasSuffix(_ suffix: Bytes) -> Bool { len >= suffix.len && from(count - suffix.count) == suffix }

    @inlinable
    public func firstIndex(of byte: UInt8, from start: Int = 0) -> Int? {
        guard start < count, let base = buffer.baseAddress,
            let found = memchr(base + start, Int32(byte), count - start)
        else { return nil }
        return UnsafeRawPointer(found) - base
    }

    @inlinable
    public func lastIndex(of byte: UInt8) -> Int? {
        let bytes = buffer
        let pattern = UInt64(byte) &* 0x0101_0101_0101_0101
        var index = count
        while index >= 8 {
            let others = bytes.loadUnaligned(fromByteOffset: index &- 8, as: UInt64.self) ^ pattern
            if (others &- 0x0101_0101_0101_0101) & ~others & 0x8080_8080_8080_8080 != 0 { break }
            index &-= 8
        }
        while index > 0 {
            index &-= 1
            if bytes[index] == byte { return index }
        }
        return nil
    }

    /// Where the first control byte, DEL among them, stands from `start` on; `count`: none.
    @inlinable @inline(__always)
    public func firstControl(from start: Int) -> Int {
        let bytes = buffer
        var index = start
        // Eight bytes at a time: each test sets the high bit of a byte that is one, or of one above such a byte.
        while index &+ 8 <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            let controls = (word &- 0x2020_2020_2020_2020) & ~word
            let deletes = word ^ 0x7f7f_7f7f_7f7f_7f7f
            let found = controls | (deletes &- 0x0101_0101_0101_0101) & ~deletes
            if found & 0x8080_8080_8080_8080 != 0 { break }
            index &+= 8
        }
        while index < bytes.count {
            let byte = bytes[index]
            if byte < 0x20 || byte == 0x7f { return index }
            index &+= 1
        }
        return index
    }

    @inlinable
    public func contains(_ byte: UInt8) -> Bool { firstIndex(of: byte) != nil }

    /// Without the spaces and tabs around it.
    @inlinable
    public var trimmed: Bytes {
        guard isSet else { return self }
        var start = 0
        var end = count
        while start < end, self[start] == 0x20 || self[start] == 0x09 { start &+= 1 }
        while end > start, self[end &- 1] == 0x20 || self[end &- 1] == 0x09 { end &-= 1 }
        return unchecked(start, end)
    }

    /// The number that the bytes spell in decimal digits alone; nil for anything else or an overflow.
    @inlinable
    public var decimal: Int64? {
        guard len > 0, len <= 19 else { return nil }
        var value: Int64 = 0
        for byte in buffer {
            guard byte >= 0x30, byte <= 0x39 else { return nil }
            let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = scaled.addingReportingOverflow(Int64(byte - 0x30))
            guard !overflow, !carry else { return nil }
            value = sum
        }
        return value
    }

    /// The text; bytes that are no UTF-8 are replaced. For messages and configuration, never on the request path.
    public var string: String { String(decoding: buffer, as: UTF8.self) }

    /// A hash that is the same for equal bytes in this process.
    @inlinable
    public var hashed: UInt64 {
        var hash: UInt64 = 0x9e37_79b9_7f4a_7c15 ^ UInt64(len)
        var index = 0
        let bytes = buffer
        while index &+ 8 <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            hash = (hash ^ word) &* 0xff51_afd7_ed55_8ccd
            hash ^= hash >> 32
            index &+= 8
        }
        var tail: UInt64 = 0
        while index < bytes.count {
            tail = tail << 8 | UInt64(bytes[index])
            index &+= 1
        }
        hash = (hash ^ tail) &* 0xc4ce_b9fe_1a85_ec53
        return hash ^ hash >> 29
    }
}

extension apus_str {
    /// The bytes before the first `byte`, and those after it; without one: all, and none.
    public func split(at byte: UInt8) -> (Bytes, Bytes) {
        guard let index = firstIndex(of: byte) else { return (self, from(count)) }
        return (upTo(index), from(index + 1))
    }
}

extension UInt8 {
    /// The letter in lower case, when it is an ASCII letter.
    @inlinable @inline(__always)
    public var asciiLowercased: UInt8 { self &- 0x41 < 26 ? self | 0x20 : self }

    @inlinable @inline(__always)
    public var isDigit: Bool { self &- 0x30 < 10 }

    /// The value of a hexadecimal digit.
    @inlinable @inline(__always)
    public var hexValue: UInt8? {
        if self &- 0x30 < 10 { return self &- 0x30 }
        let letter = self | 0x20
        return letter &- 0x61 < 6 ? letter &- 0x61 &+ 10 : nil
    }
}
