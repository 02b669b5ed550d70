import ByteKit
import CSystem
import Glibc

/// An address as the configuration gives it: a host, `*`, or an address, with or without a port.
struct AddressSpec {
    /// Nil: any address.
    let host: String?
    /// Nil: any port.
    let port: UInt16?
    let location: SourceLocation

    /// Reads `host`, `host:port`, `*:port`, `[v6]:port`, `_default_`. Nil: it is none of these.
    init?(_ word: Word, at location: SourceLocation? = nil) {
        self.location = location ?? word.location
        var text = Substring(word.text)
        var port: UInt16?
        if let colon = text.lastIndex(of: ":"), !text[colon...].contains("]"), text.hasPrefix("[") || text.firstIndex(of: ":") == colon {
            let digits = text[text.index(after: colon)...]
            if digits != "*" {
                guard let number = UInt16(digits), number > 0 else { return nil }
                port = number
            }
            text = text[..<colon]
        }
        if text.hasPrefix("["), text.hasSuffix("]") { text = text.dropFirst().dropLast() }
        guard !text.isEmpty else { return nil }
        self.port = port
        host = text == "*" || text.asciiLowered == "_default_" ? nil : String(text)
    }
}

extension Substring {
    var asciiLowered: String { String(self).asciiLowered }
}

/// One address to listen on.
struct ListenSpec {
    let address: SocketAddress
    let location: SourceLocation?
    /// "https" for port 443 or when said so; modules may ask.
    let scheme: String
}

/// An IPv4 or IPv6 address with a port, as the kernel wants it.
struct SocketAddress: Equatable, BitwiseCopyable, CustomStringConvertible {
    /// IPv4 addresses are kept as the mapped IPv6 ones (::ffff:a.b.c.d), so that all compare alike.
    var high: UInt64
    var low: UInt64
    var port: UInt16
    var isIPv4: Bool

    static func any(port: UInt16, ipv4: Bool) -> SocketAddress {
        SocketAddress(high: 0, low: ipv4 ? mapped(0) : 0, port: port, isIPv4: ipv4)
    }

    private static func mapped(_ address: UInt32) -> UInt64 { 0xffff_0000_0000 | UInt64(address) }

    var isWildcard: Bool { high == 0 && (low == 0 || isIPv4 && low == SocketAddress.mapped(0)) }

    func hasSameHost(as other: SocketAddress) -> Bool { high == other.high && low == other.low }

    init(high: UInt64, low: UInt64, port: UInt16, isIPv4: Bool) {
        self.high = high
        self.low = low
        self.port = port
        self.isIPv4 = isIPv4
    }

    /// What the kernel wrote.
    init?(_ storage: UnsafeRawPointer) {
        switch Int32(storage.load(as: sockaddr.self).sa_family) {
        case AF_INET:
            let address = storage.load(as: sockaddr_in.self)
            self.init(
                high: 0, low: SocketAddress.mapped(UInt32(bigEndian: address.sin_addr.s_addr)),
                port: UInt16(bigEndian: address.sin_port), isIPv4: true)
        case AF_INET6:
            let address = storage.load(as: sockaddr_in6.self)
            let (high, low) = withUnsafeBytes(of: address.sin6_addr) {
                (UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)),
                    UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
            }
            self.init(
                high: high, low: low, port: UInt16(bigEndian: address.sin6_port),
                isIPv4: high == 0 && low >> 32 == 0xffff)
        default: return nil
        }
    }

    /// Resolves a name or a literal.
    static func resolve(_ host: String, port: UInt16) -> [SocketAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_PASSIVE
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var found: [SocketAddress] = []
        var next = list
        while let entry = next {
            next = entry.pointee.ai_next
            if let address = entry.pointee.ai_addr.flatMap({ SocketAddress(UnsafeRawPointer($0)) }), !found.contains(address) {
                found.append(address)
            }
        }
        return found
    }

    /// Calls `body` with the address as bind and connect take it.
    func withSockaddr<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
        if isIPv4 {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(truncatingIfNeeded: low).bigEndian
            return withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
            }
        }
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_port = port.bigEndian
        withUnsafeMutableBytes(of: &address.sin6_addr) {
            $0.storeBytes(of: high.bigEndian, as: UInt64.self)
            $0.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
        }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in6>.size)) }
        }
    }

    var ip: IPAddress { IPAddress(high: high, low: low) }

    /// Writes the host's text into `writer`: dotted decimal, or IPv6 in its short form.
    func write(host writer: inout ByteWriter) { writer.append(address: ip) }

    /// "192.0.2.1:80", "[::]:443".
    var description: String {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 64) { buffer in
            guard let start = buffer.baseAddress else { return "" }
            var writer = ByteWriter(start, capacity: 64)
            write(host: &writer)
            let host = writer.written.string
            return isIPv4 ? "\(host):\(port)" : "[\(host)]:\(port)"
        }
    }
}
