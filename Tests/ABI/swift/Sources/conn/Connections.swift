import ModuleKit
import Support

/// Connections: slots, refusal, names that outlive a callback, and the end.
final class Connections: Module {
    struct ServerConf: Configuration {
        var refused = 0
    }

    static let info = ModuleInfo("abi_conn_module", version: "1.0", requires: [APUS_EXT_TASKS])
    static let directives = [
        Directive("AbiRefusePort", .one, in: .server) { try $0.set(server: \ServerConf.refused, $1) }
    ]

    private let host: Host
    private let tasks: UnsafePointer<apus_tasks_v1>
    private var kept: apus_token = 0
    private var calls = 0

    init(_ host: Host) throws {
        self.host = host
        tasks = host.table(APUS_EXT_TASKS, as: apus_tasks_v1.self)
        try host.hooks.preConnection(.middle, connected)
        let closed: @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?) -> Void = { ctx, c in
            let its = Unmanaged<Connections>.fromOpaque(ctx!).takeUnretainedValue()
            its.host.log.warn("connection \(Connection(c!, host: its.host.raw).id) closes")
        }
        try host.hooks.register(
            "close_connection", "v(xC)", .middle, unsafeBitCast(closed, to: apus_fn.self), self)
        try host.hooks.handler(.middle, handle)
    }

    private func connected(_ connection: Connection) -> Status {
        let refused = connection.server.conf(ServerConf.self).pointee.refused
        if refused != 0, connection.localPort == refused { return .failed }
        let counter = connection.pool.allocate(Int.self)
        counter.initialize(to: 0)
        let (id, log) = (connection.id, host.log)
        connection.pool.onDestroy { log.warn("pool of connection \(id) freed") }
        connection.slot = UnsafeMutableRawPointer(counter)
        return .declined
    }

    private func handle(_ request: Request) throws -> Status {
        guard request.handler == "abi" else { return .declined }
        let c = request.connection
        switch request.path.string {
        case "/facts":
            let counter = c.slot!.assumingMemoryBound(to: Int.self)
            counter.pointee += 1
            let table = host.table(APUS_EXT_CONN, as: apus_conn_v1.self).pointee
            return try request.reply(
                200,
                text: "peer=\(c.peerAddress.string)\nlocal=\(c.localAddress.string)\n"
                    + "transport=\(table.get(c.raw, APUS_C_TRANSPORT).string)\nprotocol=\(table.get(c.raw, APUS_C_PROTOCOL).string)\n"
                    + "peer-port=\(c.peerPort)\nlocal-port=\(c.localPort)\nsecure=\(c.isSecure ? 1 : 0)\nrequests=\(c.requests)\n"
                    + "id=\(c.id)\nslot=\(counter.pointee)\ntoken=\(c.token != 0 ? 1 : 0)\nserver=\(c.server.name.string)\n")
        case "/close":
            c.close()
            return try request.reply(200, text: "bye")
        case "/keep":
            kept = c.token
            return try request.reply(200, text: "\(c.id)")
        case "/post":
            let status = tasks.pointee.post(
                kept,
                { ctx, c in
                    let its = Unmanaged<Connections>.fromOpaque(ctx!).takeUnretainedValue()
                    its.calls += 1
                    let text =
                        c.map { "to \(Connection($0, host: its.host.raw).id)" }
                        ?? "to nobody, call \(its.calls)"
                    its.host.log.warn("posted \(text)")
                }, Unmanaged.passUnretained(self).toOpaque())
            return try request.reply(200, text: "\(status)")
        default: return .declined
        }
    }
}

@c(apus_module_entry)
public func entry(_ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>) -> UnsafePointer<
    apus_module
>? {
    Connections.descriptor(for: host, named: name)
}
