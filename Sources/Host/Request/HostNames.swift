import ByteKit
import CSystem
import Glibc
import ModuleABI

/// Names of addresses, for HostnameLookups and UseCanonicalName DNS. The system's resolver waits for other machines, so a
/// thread of the pool asks it, and the request goes on when the answer is there. A connection asks once.
enum HostNames {
    /// The last act of map_to_storage: from there on the names are known where the configuration wants them.
    @inline(__always)
    static func settle(_ r: Request.Ref) -> apus_status {
        let conf = r.pointee.conf.pointee.core
        let wantsPeer = (conf.pointee.hostnameLookups ?? .off) != .off
        let wantsLocal = conf.pointee.useCanonicalName == .dns
        return wantsPeer || wantsLocal ? find(r, wantsPeer, wantsLocal) : APUS_OK
    }

    private static func find(_ r: Request.Ref, _ wantsPeer: Bool, _ wantsLocal: Bool) -> apus_status {
        let conn = r.pointee.conn
        if wantsPeer, !isSomebodyElse(r), conn.pointee.peerName.isSet { r.pointee.peerName = conn.pointee.peerName }
        if wantsLocal, conn.pointee.localName.isSet { r.pointee.localName = conn.pointee.localName }
        let isSettled = (!wantsPeer || r.pointee.peerName.isSet) && (!wantsLocal || r.pointee.localName.isSet)
        guard !isSettled, r.pointee.main == nil, !r.pointee.isExplain else { return APUS_OK }
        // Known before the thread gets the request: the socket is the loop's.
        _ = conn.localAddress()
        var link = apus_link()
        link.fn = unsafeBitCast(ask, to: apus_fn.self)
        return Tasks.lend(r, to: link)
    }

    /// Whether the client is not who connected: a module knows better.
    @inline(__always)
    private static func isSomebodyElse(_ r: Request.Ref) -> Bool { r.pointee.peerAddress.isSet }

    /// The client's address; for names, where its port says nothing.
    private static func client(_ r: Request.Ref) -> SocketAddress {
        guard isSomebodyElse(r) else { return r.pointee.conn.pointee.peer }
        guard let address = IPAddress(r.pointee.peerAddress) else { return r.pointee.conn.pointee.peer }
        return SocketAddress(high: address.high, low: address.low, port: 0, isIPv4: address.isV4)
    }

    /// On a thread of the pool.
    private static let ask: RequestHook = { _, r in
        let r = Request.Ref.of(r)
        let conf = r.pointee.conf.pointee.core.pointee
        let conn = r.pointee.conn
        if let lookups = conf.hostnameLookups, lookups != .off, !r.pointee.peerName.isSet {
            let peer = client(r)
            r.pointee.peerName = name(of: peer, isChecked: lookups == .double, r) ?? address(of: peer, r)
        }
        if conf.useCanonicalName == .dns, !r.pointee.localName.isSet {
            r.pointee.localName = name(of: conn.pointee.local, isChecked: false, r) ?? r.pointee.server.pointee.name
        }
        return APUS_OK
    }

    private static func address(of address: SocketAddress, _ r: Request.Ref) -> Bytes {
        var writer = ByteWriter(r.pointee.arena.pointee.allocate(48), capacity: 48)
        address.write(host: &writer)
        return writer.written
    }

    /// - Parameter isChecked: the name must lead back to the address, for whoever owns an address may call it anything.
    private static func name(of address: SocketAddress, isChecked: Bool, _ r: Request.Ref) -> Bytes? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(NI_MAXHOST)) { buffer in
            guard let start = buffer.baseAddress else { return nil }
            let isFound = address.withSockaddr {
                getnameinfo($0, $1, start, socklen_t(buffer.count), nil, 0, Int32(NI_NAMEREQD)) == 0
            }
            guard isFound else { return nil }
            let name = Bytes(cString: start)
            guard Token.isHostName(name) else { return nil }
            if isChecked, !SocketAddress.resolve(name.string, port: address.port).contains(where: { $0.hasSameHost(as: address) }) {
                return nil
            }
            return r.pointee.arena.copy(name)
        }
    }

    /// The names outlive the request that asked for them.
    @inline(__always)
    static func keep(_ r: Request.Ref) {
        let conn = r.pointee.conn
        if r.pointee.peerName.isSet, !isSomebodyElse(r), !conn.pointee.peerName.isSet { conn.pointee.peerName = conn.pool.copy(r.pointee.peerName) }
        if r.pointee.localName.isSet, !conn.pointee.localName.isSet { conn.pointee.localName = conn.pool.copy(r.pointee.localName) }
    }
}

extension Token {
    /// Letters, digits, dots and hyphens: what a resolver calls a name may come from anywhere.
    static func isHostName(_ name: Bytes) -> Bool {
        !name.isEmpty && name.buffer.allSatisfy { $0.isDigit || $0 | 0x20 &- 0x61 < 26 || $0 == 0x2d || $0 == 0x2e || $0 == 0x5f }
    }
}
