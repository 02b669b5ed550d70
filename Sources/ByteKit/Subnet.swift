public import ModuleABI

/// A network: addresses that begin with the same bits.
public struct Subnet: BitwiseCopyable, Sendable {
    @usableFromInline let base: IPAddress
    @usableFromInline let mask: IPAddress

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
            self = try Subnet.whole(address)
            return
        }
        guard let base = IPAddress(address) else { throw .invalid("\"\(address.string)\" is no IP address") }
        let mask: IPAddress
        if base.isV4, suffix.contains(0x2e) {
            guard let read = IPAddress(suffix), read.isV4 else { throw .invalid("\"\(suffix.string)\" is no netmask") }
            mask = IPAddress(high: .max, low: 0xffff_ffff_0000_0000 | read.low)
        } else {
            let longest: Int64 = base.isV4 ? 32 : 128
            guard let bits = suffix.decimal, 1...longest ~= bits else {
                throw .invalid("\"\(suffix.string)\" is no number of bits from 1 to \(longest)")
            }
            mask = Subnet.mask(Int(bits) + (base.isV4 ? 96 : 0))
        }
        self.init(base, mask)
    }

    /// One address.
    public init(_ address: IPAddress) { self.init(address, Subnet.mask(128)) }

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
    private static func whole(_ text: Bytes) throws(Problem) -> Subnet {
        if let address = IPAddress(text) { return Subnet(address, mask(128)) }
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
        return Subnet(IPAddress(v4: value), mask(96 + count * 8))
    }

    @inlinable
    public func contains(_ address: IPAddress) -> Bool {
        address.high & mask.high == base.high && address.low & mask.low == base.low
    }
}
