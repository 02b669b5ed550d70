import Glibc
public import ModuleABI

/// An IP address as 16 bytes; one of IPv4 in the form that IPv6 has for it (RFC 4291 section 2.5.5.2).
public struct IPAddress: Equatable, BitwiseCopyable, Sendable {
    public let high, low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    public init(v4: UInt32) { self.init(high: 0, low: 0xffff_0000_0000 | UInt64(v4)) }

    /// Reads an address as it is written.
    public init?(_ text: Bytes) {
        guard text.count < 64, !text.contains(0), let source = text.ptr else { return nil }
        var room = (UInt64(0), UInt64(0))
        let family: Int32 = text.contains(0x3a) ? AF_INET6 : AF_INET
        let isRead = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { copy in
            guard let start = copy.baseAddress else { return false }
            memcpy(start, source, text.count)
            start[text.count] = 0
            return inet_pton(family, start, &room) == 1
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

extension ByteWriter {
    /// Appends an address: dotted decimal for a mapped IPv4 one, else IPv6 in its short form.
    public mutating func append(address: IPAddress) {
        if address.isV4 {
            for shift in stride(from: 24, through: 0, by: -8) {
                append(decimal: Int64(address.low >> UInt64(shift) & 255))
                if shift > 0 { append(0x2e) }
            }
            return
        }
        var bytes = in6_addr()
        withUnsafeMutableBytes(of: &bytes) {
            $0.storeBytes(of: address.high.bigEndian, as: UInt64.self)
            $0.storeBytes(of: address.low.bigEndian, toByteOffset: 8, as: UInt64.self)
        }
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { text in
            guard inet_ntop(AF_INET6, &bytes, text.baseAddress, 64) != nil, let start = text.baseAddress else { return }
            append(Bytes(cString: start))
        }
    }
}
