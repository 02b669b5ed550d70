public import ByteKit
import Glibc

/// An IP address as 16 bytes; one of IPv4 in the form that IPv6 has for it (RFC 4291 section 2.5.5.2).
public struct IPAddress: Equatable, BitwiseCopyable, Sendable {
    public let high, low: UInt64

    init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    init(v4: UInt32) { self.init(high: 0, low: 0xffff_0000_0000 | UInt64(v4)) }

    /// Reads an address as it is written.
    public init?(_ text: Bytes) {
        guard text.count < 64, !text.contains(0) else { return nil }
        var room = (UInt64(0), UInt64(0))
        let family: Int32 = text.contains(0x3a) ? AF_INET6 : AF_INET
        let isRead = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { copy in
            memcpy(copy.baseAddress!, text.ptr, text.count)
            copy[text.count] = 0
            return inet_pton(family, copy.baseAddress!, &room) == 1
        }
        guard isRead else { return nil }
        if family == AF_INET {
            self.init(v4: UInt32(truncatingIfNeeded: room.0).bigEndian)
        } else {
            self.init(high: room.0.bigEndian, low: room.1.bigEndian)
        }
    }

    public var isV4: Bool { high == 0 && low >> 32 == 0xffff }

    /// 127.0.0.0/8 or ::1.
    public var isLoopback: Bool { isV4 ? UInt32(truncatingIfNeeded: low) >> 24 == 127 : high == 0 && low == 1 }
}

/// A network: addresses that begin with the same bits.
public struct AddressRange: BitwiseCopyable, Sendable {
    private let base: IPAddress
    private let mask: IPAddress

    public enum Problem: Error {
        /// It does not look like an address at all: it may be a name.
        case noAddress
        /// It does, but is none.
        case invalid(String)
    }

    /// Reads "10.1.2.3", "10.1", "10.1.0.0/16", "10.1.0.0/255.255.0.0", "2001:db8::/32".
    public init(_ text: Bytes) throws(Problem) {
        let (address, suffix) = text.split(at: 0x2f)
        guard text.contains(0x2f) else {
            self = try AddressRange.whole(address)
            return
        }
        guard let base = IPAddress(address) else { throw .invalid("\"\(address.string)\" is no IP address") }
        let mask: IPAddress
        if base.isV4, suffix.contains(0x2e) {
            guard let read = IPAddress(suffix), read.isV4 else { throw .invalid("\"\(suffix.string)\" is no netmask") }
            mask = IPAddress(high: .max, low: 0xffff_ffff_0000_0000 | read.low)
        } else {
            let longest: Int64 = base.isV4 ? 32 : 128
            guard let bits = suffix.decimal, bits <= longest, base.isV4 || bits > 0 else {
                throw .invalid("\"\(suffix.string)\" is no number of bits from \(base.isV4 ? 0 : 1) to \(longest)")
            }
            mask = AddressRange.mask(Int(bits) + (base.isV4 ? 96 : 0))
        }
        self.init(base, mask)
    }

    /// One address.
    public init(_ address: IPAddress) { self.init(address, AddressRange.mask(128)) }

    private init(_ base: IPAddress, _ mask: IPAddress) {
        self.base = IPAddress(high: base.high & mask.high, low: base.low & mask.low)
        self.mask = mask
    }

    private static func mask(_ bits: Int) -> IPAddress {
        IPAddress(
            high: bits >= 64 ? .max : bits == 0 ? 0 : UInt64.max << UInt64(64 - bits),
            low: bits <= 64 ? 0 : UInt64.max << UInt64(128 - bits))
    }

    /// A whole address, or the first bytes of one of IPv4 with or without a dot behind them.
    private static func whole(_ text: Bytes) throws(Problem) -> AddressRange {
        if let address = IPAddress(text) { return AddressRange(address, mask(128)) }
        guard !text.isEmpty, text.buffer.allSatisfy({ $0.isDigit || $0 == 0x2e }) else {
            // A letter makes it a name, unless it is a colon that did.
            if text.contains(0x3a) { throw .invalid("\"\(text.string)\" is no IP address") }
            throw .noAddress
        }
        var value: UInt32 = 0
        var count = 0
        var rest = text
        while !rest.isEmpty {
            let (part, after) = rest.split(at: 0x2e)
            guard let number = part.decimal, number < 256, count < 4 else {
                throw .invalid("\"\(text.string)\" is no IP address, nor the beginning of one")
            }
            value |= UInt32(number) << UInt32(24 - count * 8)
            count += 1
            rest = after
        }
        return AddressRange(IPAddress(v4: value), mask(96 + count * 8))
    }

    public func contains(_ address: IPAddress) -> Bool {
        address.high & mask.high == base.high && address.low & mask.low == base.low
    }
}
