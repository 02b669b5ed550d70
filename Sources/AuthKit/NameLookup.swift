public import ByteKit
import Glibc

/// Names of addresses and addresses of names, as the system's resolver finds them. All of it may block.
public enum NameLookup {
    /// The name of an address, in lower case, if that name has the address again; else none.
    public static func confirmedName(of address: IPAddress) -> [UInt8] {
        let name = reverse(address)
        guard !name.isEmpty, addresses(of: name).contains(address) else { return [] }
        return name.map(\.asciiLowercased)
    }

    /// All addresses of a name.
    public static func addresses(of name: [UInt8]) -> [IPAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let text = name.map { CChar(bitPattern: $0) } + [0]
        guard !name.contains(0), getaddrinfo(text, nil, &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var found: [IPAddress] = []
        var next = list
        while let entry = next {
            if let address = address(entry.pointee.ai_addr, entry.pointee.ai_family) { found.append(address) }
            next = entry.pointee.ai_next
        }
        return found
    }

    private static func address(_ raw: UnsafeMutablePointer<sockaddr>?, _ family: Int32) -> IPAddress? {
        guard let raw else { return nil }
        let bytes = UnsafeRawPointer(raw)
        if family == AF_INET {
            return IPAddress(v4: bytes.load(fromByteOffset: 4, as: UInt32.self).bigEndian)
        }
        guard family == AF_INET6 else { return nil }
        return IPAddress(
            high: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self).bigEndian,
            low: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self).bigEndian)
    }

    private static func reverse(_ address: IPAddress) -> [UInt8] {
        var host = [CChar](repeating: 0, count: 1025)
        let status: Int32
        if address.isV4 {
            var place = sockaddr_in()
            place.sin_family = sa_family_t(AF_INET)
            place.sin_addr.s_addr = UInt32(truncatingIfNeeded: address.low).bigEndian
            status = nameInfo(&place, &host)
        } else {
            var place = sockaddr_in6()
            place.sin6_family = sa_family_t(AF_INET6)
            withUnsafeMutableBytes(of: &place.sin6_addr) {
                $0.storeBytes(of: address.high.bigEndian, toByteOffset: 0, as: UInt64.self)
                $0.storeBytes(of: address.low.bigEndian, toByteOffset: 8, as: UInt64.self)
            }
            status = nameInfo(&place, &host)
        }
        guard status == 0 else { return [] }
        return host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    }

    private static func nameInfo<Address>(_ address: inout Address, _ host: inout [CChar]) -> Int32 {
        withUnsafeBytes(of: &address) { raw in
            getnameinfo(
                raw.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count), &host, socklen_t(host.count),
                nil, 0, NI_NAMEREQD)
        }
    }

    /// Whether a host lies in a domain, or is it: "example.org" holds "www.example.org", not "anexample.org".
    public static func isHost(_ host: Bytes, in domain: Bytes) -> Bool {
        guard !domain.isEmpty, host.count >= domain.count else { return false }
        let before = host.count - domain.count
        guard host.from(before).equalsIgnoringCase(domain) else { return false }
        return before == 0 || domain[0] == 0x2e || host[before - 1] == 0x2e
    }
}

/// What was found by looks elsewhere, for a short while. Used on the loop only.
public struct LookupCache<Key: Hashable, Finding> {
    private var findings: [Key: (finding: Finding, until: Int64)] = [:]
    private let life: Int64
    private static var limit: Int { 4096 }

    /// - Parameter life: microseconds that a finding holds.
    public init(life: Int64) { self.life = life }

    public func finding(_ key: Key, now: Int64) -> Finding? {
        guard let known = findings[key], known.until > now else { return nil }
        return known.finding
    }

    /// What was found last, however long ago.
    public func last(_ key: Key) -> Finding? { findings[key]?.finding }

    public mutating func note(_ key: Key, _ finding: Finding, now: Int64) {
        if findings.count >= Self.limit { findings.removeAll() }
        findings[key] = (finding, now + life)
    }
}
