import Glibc
import ModuleKit

/// Where a worker composes its lines: a buffer and what is the same for a second.
struct LineDesk {
    private(set) var buffer: UnsafeMutableRawPointer
    private(set) var capacity: Int
    var pid: Int32 = getpid()

    /// The second that the fields below belong to.
    private var second: Int64 = .min
    private var calendar = tm()
    private var stamp: InlineArray<32, UInt8> = .init(repeating: 0)
    private var stampLength = 0

    /// Longest line, far beyond any that limits on requests allow.
    static let maxLine = 8 << 20

    init() {
        capacity = 32 << 10
        buffer = .allocate(byteCount: capacity, alignment: 16)
        tzset()
    }

    /// Doubles the room; false when a line is too long for any.
    mutating func grow() -> Bool {
        guard capacity < Self.maxLine else { return false }
        buffer.deallocate()
        capacity *= 2
        buffer = .allocate(byteCount: capacity, alignment: 16)
        return true
    }

    /// The local time of a second.
    mutating func localTime(_ second: Int64) -> tm {
        turn(to: second)
        return calendar
    }

    /// Appends "[18/Sep/2011:19:18:28 -0400]".
    @inline(__always)
    mutating func append(stampOf second: Int64, to line: inout ByteWriter) {
        if second != self.second { turn(to: second) }
        withUnsafePointer(to: &stamp) { line.append(Bytes(UnsafeRawPointer($0), count: stampLength)) }
    }

    private mutating func turn(to second: Int64) {
        guard second != self.second else { return }
        self.second = second
        var time = time_t(second)
        localtime_r(&time, &calendar)
        let calendar = calendar
        withUnsafeMutablePointer(to: &stamp) { place in
            var writer = ByteWriter(UnsafeMutableRawPointer(place), capacity: 32)
            writer.append(clf: calendar)
            stampLength = writer.count
        }
    }
}

extension ByteWriter {
    /// Appends a time as the common log format has it.
    fileprivate mutating func append(clf time: tm) {
        append(UInt8(ascii: "["))
        append(decimal: Int(time.tm_mday), width: 2)
        append(UInt8(ascii: "/"))
        append(Bytes("JanFebMarAprMayJunJulAugSepOctNovDec")[Int(time.tm_mon) * 3..<Int(time.tm_mon) * 3 + 3])
        append(UInt8(ascii: "/"))
        append(decimal: Int(time.tm_year) + 1900, width: 4)
        for part in [time.tm_hour, time.tm_min, time.tm_sec] {
            append(UInt8(ascii: ":"))
            append(decimal: Int(part), width: 2)
        }
        let minutes = time.tm_gmtoff / 60
        append(minutes < 0 ? " -" : " +")
        append(decimal: abs(minutes) / 60, width: 2)
        append(decimal: abs(minutes) % 60, width: 2)
        append(UInt8(ascii: "]"))
    }

    /// Appends "2026-11-26T02:53:11.123456+01:00" (RFC 3339).
    mutating func append(rfc3339 time: tm, fraction: Int) {
        append(decimal: Int(time.tm_year) + 1900, width: 4)
        append("-", time.tm_mon + 1)
        append("-", time.tm_mday)
        append("T", time.tm_hour)
        append(":", time.tm_min)
        append(":", time.tm_sec)
        append(".")
        append(decimal: fraction, width: 6)
        let minutes = Int32(time.tm_gmtoff / 60)
        append(minutes < 0 ? "-" : "+", abs(minutes) / 60)
        append(":", abs(minutes) % 60)
    }

    private mutating func append(_ mark: StaticString, _ twoDigits: Int32) {
        append(mark)
        append(decimal: Int(twoDigits), width: 2)
    }

    /// Appends what a client may have sent so that it can neither end the line nor leave its quotes: a
    /// backslash before quotes and backslashes, \n and its like, \xHH for all else that is not printable
    /// ASCII.
    @inline(__always)
    mutating func append(escaping bytes: Bytes) {
        let index = bytes.plainRun(from: 0)
        if index == bytes.count { append(bytes) } else { append(escaping: bytes, from: index) }
    }

    @inline(never)
    private mutating func append(escaping bytes: Bytes, from first: Int) {
        var start = 0
        var index = first
        while index < bytes.count {
            append(bytes[start..<index])
            appendEscape(bytes[index])
            start = index &+ 1
            index = bytes.plainRun(from: start)
        }
        append(bytes.from(start))
    }

    /// How many bytes can be read where a literal begins, whatever its length.
    static var literalBlock: Int { 16 }

    /// Appends a text that lies where a whole block can be read: that is faster than copying its few bytes.
    @inline(__always)
    mutating func append(literal text: Bytes) {
        guard text.count <= Self.literalBlock, capacity &- count >= Self.literalBlock, let source = text.ptr else {
            return append(text)
        }
        let block = UnsafeRawPointer(source).loadUnaligned(as: SIMD16<UInt8>.self)
        UnsafeMutableRawPointer(start + count).storeBytes(of: block, as: SIMD16<UInt8>.self)
        _ = reserve(text.count)
    }

    /// Appends a number; those of a status or a small file's length in one piece.
    @inline(__always)
    mutating func append(count number: Int64) {
        guard number >= 0, number < 100_000_000, capacity &- count >= 8 else { return append(decimal: number) }
        var rest = UInt32(truncatingIfNeeded: number)
        var digits: UInt64 = 0
        var length = 0
        repeat {
            digits = digits << 8 | UInt64(0x30 &+ rest % 10)
            rest /= 10
            length &+= 1
        } while rest > 0
        UnsafeMutableRawPointer(start + count).storeBytes(of: digits.littleEndian, as: UInt64.self)
        _ = reserve(length)
    }

    private mutating func appendEscape(_ byte: UInt8) {
        append(0x5c)
        switch byte {
        case 0x22, 0x5c: append(byte)
        case 0x08: append(UInt8(ascii: "b"))
        case 0x09: append(UInt8(ascii: "t"))
        case 0x0a: append(UInt8(ascii: "n"))
        case 0x0b: append(UInt8(ascii: "v"))
        case 0x0d: append(UInt8(ascii: "r"))
        default:
            append(UInt8(ascii: "x"))
            append(lowerHexDigit(byte >> 4))
            append(lowerHexDigit(byte & 15))
        }
    }

    private func lowerHexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }
}

extension Bytes {
    /// Where the first byte from `start` on stands that a log line may not hold as it is; `count`: none.
    @inline(__always)
    fileprivate func plainRun(from start: Int) -> Int {
        guard count > 0, let base = UnsafeRawPointer(ptr) else { return count }
        var index = start
        while index &+ 8 <= count, Self.isPlain(base.loadUnaligned(fromByteOffset: index, as: UInt64.self)) { index &+= 8 }
        // What is left is the end of the last eight bytes.
        if index &+ 8 > count, count >= 8, Self.isPlain(base.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)) {
            return count
        }
        while index < count {
            let byte = self[index]
            guard byte &- 0x20 < 0x5f, byte != 0x22, byte != 0x5c else { return index }
            index &+= 1
        }
        return index
    }

    /// Whether a line may hold eight bytes as they are: each test sets the high bit of a byte that fails it, or of one
    /// above a byte that does.
    @inline(__always)
    private static func isPlain(_ word: UInt64) -> Bool {
        let controls = word &- 0x2020_2020_2020_2020
        let quotes = (word ^ 0x2222_2222_2222_2222) &- 0x0101_0101_0101_0101
        let backslashes = (word ^ 0x5c5c_5c5c_5c5c_5c5c) &- 0x0101_0101_0101_0101
        let deletes = (word ^ 0x7f7f_7f7f_7f7f_7f7f) &- 0x0101_0101_0101_0101
        return (controls | quotes | backslashes | deletes | word) & 0x8080_8080_8080_8080 == 0
    }
}
