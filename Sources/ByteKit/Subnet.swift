import Glibc
public import ModuleABI

/// An IP address, and how many of its leading bits count. IPv4 addresses are kept as the mapped IPv6 ones, so that both
/// ways of writing one compare alike.
public struct Subnet: BitwiseCopyable, Sendable {
    public let high, low: UInt64
    private let highMask, lowMask: UInt64

    /// Reads `ADDRESS`, `ADDRESS/BITS`, `ADDRESS/NETMASK`, or the first one to three numbers of an IPv4 address.
    /// Nil: it is none of them.
    public init?(_ text: Bytes) {
        let slash = text.firstIndex(of: UInt8(ascii: "/"))
        let host = slash.map { text.upTo($0) } ?? text
        let address: (high: UInt64, low: UInt64)
        var bits = 128
        if let parsed = Subnet.address(host) {
            address = parsed
        } else if slash == nil, let partial = Subnet.beginning(host) {
            address = (0, 0xffff_0000_0000 | UInt64(partial.address))
            bits = 96 + partial.bits
        } else {
            return nil
        }
        if let slash {
            let isIPv4 = !host.contains(UInt8(ascii: ":"))
            guard let given = Subnet.bits(text.from(slash + 1), isIPv4: isIPv4) else { return nil }
            bits = isIPv4 ? 96 + given : given
        }
        highMask = bits >= 64 ? .max : .max << UInt64(64 - bits)
        lowMask = bits <= 64 ? 0 : .max << UInt64(128 - bits)
        high = address.high & highMask
        low = address.low & lowMask
    }

    public func contains(high: UInt64, low: UInt64) -> Bool { high & highMask == self.high && low & lowMask == self.low }

    /// Whether the text is an address that lies inside.
    public func contains(_ text: Bytes) -> Bool {
        guard let address = Subnet.address(text) else { return false }
        return contains(high: address.high, low: address.low)
    }

    /// An address in either notation.
    public static func address(_ text: Bytes) -> (high: UInt64, low: UInt64)? {
        guard text.count > 0, text.count < 64, !text.contains(0), let source = text.ptr else { return nil }
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { copy -> (high: UInt64, low: UInt64)? in
            guard let start = copy.baseAddress else { return nil }
            memcpy(start, source, text.count)
            start[text.count] = 0
            var v4 = in_addr()
            if inet_pton(AF_INET, start, &v4) == 1 { return (0, 0xffff_0000_0000 | UInt64(UInt32(bigEndian: v4.s_addr))) }
            var v6 = in6_addr()
            guard inet_pton(AF_INET6, start, &v6) == 1 else { return nil }
            return withUnsafeBytes(of: v6) {
                (UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)),
                    UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
            }
        }
    }

    /// "10.1", with a dot at its end or without: a network of whole bytes.
    private static func beginning(_ text: Bytes) -> (address: UInt32, bits: Int)? {
        var address: UInt32 = 0
        var bits = 0
        var rest = text
        while !rest.isEmpty {
            let end = rest.firstIndex(of: UInt8(ascii: ".")) ?? rest.count
            guard bits < 24, end > 0, let number = rest.upTo(end).decimal, number < 256 else { return nil }
            address |= UInt32(number) << UInt32(24 - bits)
            bits += 8
            rest = end < rest.count ? rest.from(end + 1) : .none
        }
        return bits > 0 ? (address, bits) : nil
    }

    /// A number of bits that is not 0, or an IPv4 netmask.
    private static func bits(_ text: Bytes, isIPv4: Bool) -> Int? {
        if let number = text.decimal { return number >= 1 && number <= (isIPv4 ? 32 : 128) ? Int(number) : nil }
        guard isIPv4, let mask = address(text), mask.high == 0, mask.low >> 32 == 0xffff else { return nil }
        let bits = UInt32(truncatingIfNeeded: mask.low)
        return bits != 0 && (~bits & (~bits &+ 1)) == 0 ? bits.nonzeroBitCount : nil
    }
}

extension ByteWriter {
    /// Appends an address: dotted decimal for a mapped IPv4 one, else IPv6 in its short form.
    public mutating func append(addressHigh high: UInt64, low: UInt64) {
        if high == 0, low >> 32 == 0xffff {
            for shift in stride(from: 24, through: 0, by: -8) {
                append(decimal: Int64(low >> UInt64(shift) & 255))
                if shift > 0 { append(0x2e) }
            }
            return
        }
        var bytes = in6_addr()
        withUnsafeMutableBytes(of: &bytes) {
            $0.storeBytes(of: high.bigEndian, as: UInt64.self)
            $0.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
        }
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { text in
            guard inet_ntop(AF_INET6, &bytes, text.baseAddress, 64) != nil, let start = text.baseAddress else { return }
            append(Bytes(cString: start))
        }
    }
}
