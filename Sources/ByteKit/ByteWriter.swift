import Glibc
public import ModuleABI

/// Writes bytes one after another into memory of a fixed size that somebody else owns.
///
/// Invariant: `count <= capacity`. A write that does not fit is left out whole and `overflowed` says so, so that a
/// caller composes first and checks once.
public struct ByteWriter {
    public let start: UnsafeMutablePointer<UInt8>
    public let capacity: Int
    @usableFromInline var length = 0
    @usableFromInline var isFull = false

    @inlinable public var count: Int { length }
    @inlinable public var overflowed: Bool { isFull }

    @inlinable
    public init(_ start: UnsafeMutableRawPointer, capacity: Int) {
        self.init(bound: start.assumingMemoryBound(to: UInt8.self), capacity: capacity)
    }

    @usableFromInline
    init(bound start: UnsafeMutablePointer<UInt8>, capacity: Int) {
        self.start = start
        self.capacity = capacity
    }

    @inlinable
    public var written: Bytes { Bytes(UnsafeRawPointer(start), count: count) }

    @inlinable @inline(__always)
    public mutating func reserve(_ bytes: Int) -> UnsafeMutablePointer<UInt8>? {
        guard capacity &- length >= bytes else {
            isFull = true
            return nil
        }
        let place = start + length
        length &+= bytes
        return place
    }

    @inlinable
    public mutating func append(_ bytes: Bytes) {
        guard bytes.len > 0, let place = reserve(bytes.count), let source = bytes.ptr else { return }
        memcpy(place, source, bytes.count)
    }

    /// Inlined, so that the copying of a literal is a few moves.
    @inlinable @inline(__always)
    public mutating func append(_ literal: StaticString) {
        let count = literal.utf8CodeUnitCount
        if let place = reserve(count) { memcpy(place, literal.utf8Start, count) }
    }

    @inlinable @inline(__always)
    public mutating func append(_ byte: UInt8) { reserve(1)?.pointee = byte }

    /// Appends a number in decimal digits.
    public mutating func append(decimal value: Int64) {
        if value < 0 { append(0x2d) }
        var rest = value.magnitude
        guard let place = reserve(ByteWriter.decimalDigits(of: rest)) else { return }
        var at = start + count - 1
        while at >= place {
            at.pointee = UInt8(truncatingIfNeeded: 0x30 &+ rest % 10)
            rest /= 10
            at -= 1
        }
    }

    private static func decimalDigits(of value: UInt64) -> Int {
        var digits = 1
        var bound: UInt64 = 10
        while value >= bound {
            digits &+= 1
            bound &*= 10
        }
        return digits
    }

    /// Appends a number in lower-case hexadecimal digits.
    public mutating func append(hex value: UInt64) {
        let digits = max(1, (67 &- value.leadingZeroBitCount) / 4)
        guard let place = reserve(digits) else { return }
        var rest = value
        var at = digits &- 1
        while at >= 0 {
            let digit = UInt8(truncatingIfNeeded: rest & 15)
            place[at] = digit < 10 ? 0x30 &+ digit : 0x57 &+ digit
            rest >>= 4
            at &-= 1
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
        length = 0
        isFull = false
    }
}
