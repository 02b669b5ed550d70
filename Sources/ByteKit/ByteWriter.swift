import Glibc
public import ModuleABI

/// Writes bytes one after another into memory of a fixed size that somebody else owns.
///
/// Invariant: `count <= capacity`. A write that does not fit is left out whole and `overflowed` says so, so that a
/// caller composes first and checks once.
public struct ByteWriter {
    public let start: UnsafeMutablePointer<UInt8>
    public let capacity: Int
    public private(set) var count = 0
    public private(set) var overflowed = false

    @inlinable
    public init(_ start: UnsafeMutableRawPointer, capacity: Int) {
        self.init(bound: start.assumingMemoryBound(to: UInt8.self), capacity: capacity)
    }

    @usableFromInline
    init(bound start: UnsafeMutablePointer<UInt8>, capacity: Int) {
        self.start = start
        self.capacity = capacity
    }

    public var written: Bytes { Bytes(UnsafeRawPointer(start), count: count) }

    public mutating func reserve(_ length: Int) -> UnsafeMutablePointer<UInt8>? {
        guard capacity &- count >= length else {
            overflowed = true
            return nil
        }
        defer { count &+= length }
        return start + count
    }

    public mutating func append(_ bytes: Bytes) {
        guard bytes.len > 0, let place = reserve(bytes.count), let source = bytes.ptr else { return }
        memcpy(place, source, bytes.count)
    }

    public mutating func append(_ literal: StaticString) { append(Bytes(literal)) }

    public mutating func append(_ byte: UInt8) { reserve(1)?.pointee = byte }

    /// Appends a number in decimal digits.
    public mutating func append(decimal value: Int64) {
        if value < 0 { append(0x2d) }
        var digits: (UInt64, UInt64, UInt64) = (0, 0, 0)
        var rest = value.magnitude
        withUnsafeMutableBytes(of: &digits) { scratch in
            var at = scratch.count
            repeat {
                at -= 1
                scratch[at] = UInt8(truncatingIfNeeded: 0x30 + rest % 10)
                rest /= 10
            } while rest > 0
            append(Bytes(UnsafeRawBufferPointer(rebasing: scratch[at...])))
        }
    }

    /// Appends a number in lower-case hexadecimal digits.
    public mutating func append(hex value: UInt64) {
        var shift = 60 - (value == 0 ? 60 : value.leadingZeroBitCount / 4 * 4)
        while shift >= 0 {
            let digit = UInt8(truncatingIfNeeded: value >> UInt64(shift) & 15)
            append(digit < 10 ? 0x30 + digit : 0x57 + digit)
            shift -= 4
        }
    }

    /// Appends a number with leading zeros to a width.
    public mutating func append(decimal value: Int, width: Int) {
        guard let place = reserve(width) else { return }
        var rest = value
        for index in stride(from: width - 1, through: 0, by: -1) {
            place[index] = UInt8(truncatingIfNeeded: 0x30 + rest % 10)
            rest /= 10
        }
    }

    public mutating func removeAll() {
        count = 0
        overflowed = false
    }
}
