import ByteKit
import ModuleABI

/// Which virtual host a connection and a request belong to (RFC 9110, 7.2).
enum VirtualHosts {
    /// The address decides about the connection's candidates; the first of them is its default.
    static func settle(_ conn: Connection.Ref) {
        let table = theWorker.pointee.hosts
        conn.pointee.entry = table.entry(for: conn.pointee.local)
        conn.pointee.server = conn.pointee.entry?.pointee.servers.first ?? table.main
    }

    /// The request's server by the host it names. An absolute target's host counts before the Host field.
    static func choose(_ r: Request.Ref, authority: Bytes) throws(HeadProblem) {
        let framing = r.pointee.framing
        guard framing.hosts <= 1 else { throw HeadProblem(400, "there is more than one Host field") }
        guard framing.hosts == 1 || !r.pointee.isHTTP11 else { throw HeadProblem(400, "HTTP/1.1 requires a Host field") }
        guard framing.hosts == 0 || !framing.host.isEmpty else { throw HeadProblem(400, "the Host field is empty") }
        var text = framing.host
        if !text.isEmpty { (r.pointee.host, r.pointee.port) = try RequestTarget.parseHost(text, in: r.pointee.arena) }
        if !authority.isEmpty {
            text = authority
            (r.pointee.host, r.pointee.port) = try RequestTarget.parseHost(text, in: r.pointee.arena)
        }
        guard !r.pointee.host.isEmpty, let entry = r.pointee.conn.pointee.entry,
            let order = entry.pointee.names.find(r.pointee.host)
        else { return try checkStrictly(r) }
        r.pointee.server = entry.pointee.servers[order]
        r.pointee.conf = UnsafePointer(r.pointee.server.pointee.dirConf)
    }

    /// ServerPath: a client that names no host is known by where its path begins.
    @inline(__always)
    static func chooseByPath(_ r: Request.Ref) {
        guard r.pointee.host.isEmpty, let entry = r.pointee.conn.pointee.entry else { return }
        let path = r.pointee.path
        for server in entry.pointee.servers {
            let start = server.pointee.core.pointee.serverPath
            guard start.isSet, path.hasPrefix(start), path.count == start.count || path[start.count] == 0x2f else { continue }
            r.pointee.server = server
            r.pointee.conf = UnsafePointer(server.pointee.dirConf)
            return
        }
    }

    /// Whether URLs of that host and port lead to the request's server: the host is one of its names, or its address.
    static func isOwn(_ r: Request.Ref, _ host: Bytes, _ port: Int32) -> Bool {
        let server = r.pointee.server
        let local = r.pointee.conn.localAddress()
        // Without a port in ServerName nothing says that its names and the port belong together.
        let isOwnPort = port != 0 && port == server.pointee.port
        guard let entry = r.pointee.conn.pointee.entry else {
            return isOwnPort && host.equalsIgnoringCase(server.pointee.name)
        }
        if entry.pointee.address != nil, port == Int32(local.port), host.equalsIgnoringCase(r.pointee.conn.localAddressText()) {
            return true
        }
        guard isOwnPort, let order = entry.pointee.names.find(lowercasing: host) else { return false }
        return entry.pointee.servers[order] == server
    }

    /// StrictHostCheck: a host that no server of the address is named after is refused rather than given the default one.
    private static func checkStrictly(_ r: Request.Ref) throws(HeadProblem) {
        guard r.pointee.server.pointee.limits.strictHostCheck, !r.pointee.host.isEmpty else { return }
        guard r.pointee.conn.pointee.entry == nil, r.pointee.host == r.pointee.server.pointee.name else {
            throw HeadProblem(400, "no server here has the name of the Host field (StrictHostCheck)")
        }
    }
}
