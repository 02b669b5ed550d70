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

    /// Appends what a client may have sent so that it can neither end the line nor leave its quotes: a
    /// backslash before quotes and backslashes, \n and its like, \xHH for all else that is not printable
    /// ASCII.
    @inline(__always)
    mutating func append(escaping bytes: Bytes) {
        var start = 0
        var index = bytes.plainRun(from: 0)
        while index < bytes.count {
            append(bytes[start..<index])
            appendEscape(bytes[index])
            start = index &+ 1
            index = bytes.plainRun(from: start)
        }
        append(start == 0 ? bytes : bytes.from(start))
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
        let buffer = buffer
        var index = start
        // Eight bytes at a time: each test sets the high bit of a byte that fails it, or of one above a byte
        // that does.
        while index &+ 8 <= buffer.count {
            let word = buffer.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            let controls = word &- 0x2020_2020_2020_2020
            let quotes = (word ^ 0x2222_2222_2222_2222) &- 0x0101_0101_0101_0101
            let backslashes = (word ^ 0x5c5c_5c5c_5c5c_5c5c) &- 0x0101_0101_0101_0101
            let deletes = (word ^ 0x7f7f_7f7f_7f7f_7f7f) &- 0x0101_0101_0101_0101
            if (controls | quotes | backslashes | deletes | word) & 0x8080_8080_8080_8080 != 0 { break }
            index &+= 8
        }
        while index < buffer.count {
            let byte = buffer[index]
            guard byte &- 0x20 < 0x5f, byte != 0x22, byte != 0x5c else { return index }
            index &+= 1
        }
        return index
    }
}
