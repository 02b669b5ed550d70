import ModuleABI.Draft
@_spi(Draft) import ModuleKit
import Support

/// Connections taken over, and interim answers.
final class Upgrades: Module {
    static let info = ModuleInfo("abi_upgrade_module", version: "1.0", requires: [APUS_EXT_TASKS, APUS_EXT_UPGRADE, APUS_EXT_WIRE])
    static let directives = [
        Directive("AbiEchoPort", .one, in: .global, help: "port") { _, words in port = Int(words.string(0)) ?? 0 }
    ]
    nonisolated(unsafe) fileprivate static var port = 0
    nonisolated(unsafe) fileprivate static var conn: UnsafePointer<apus_conn_v1>!
    nonisolated(unsafe) fileprivate static var wires: UnsafePointer<apus_wire_v0>!

    init(_ host: Host) throws {
        Upgrades.conn = host.table(APUS_EXT_CONN, as: apus_conn_v1.self)
        Upgrades.wires = host.table(APUS_EXT_WIRE, as: apus_wire_v0.self)
        try host.provide(APUS_GROUP_TRANSPORT, "abi-wire", wire, context: nil)
        try host.provideProtocol("abi-echo") { connection in
            let echo = Echo(connection, host)
            _ = connection.send(Bytes("hello"))
            return echo
        }
        try host.hooks.handler(Order(.middle, flags: .maySuspend)) { request in
            guard request.handler == "abi" else { return .declined }
            switch request.path.string {
            case "/asked": return try request.reply(200, text: request.asks(for: Bytes("abi-echo")) ? "1" : "0")
            case "/echo": return try Upgrades.switchNow(request, host)
            case "/late": return try Upgrades.late(request, host)
            case "/hints": return try Upgrades.hints(request)
            default: return .declined
            }
        }
        try host.hooks.handler(Order(.late, flags: .mayBlock)) { request in
            guard request.handler == "abi" else { return .declined }
            switch request.path.string {
            case "/pool/hints": return try Upgrades.hints(request)
            case "/pool/echo":
                let status = request.switchTo(Bytes("abi-echo"), Echo(request.connection, host))
                return try request.reply(200, text: "\(status.rawValue)")
            default: return .declined
            }
        }
    }

    private static func switchNow(_ request: Request, _ host: Host) throws -> Status {
        let echo = Echo(request.connection, host)
        request.headersOut["X-Abi"] = Bytes("switched")
        let status = request.switchTo(Bytes("abi-echo"), echo)
        if status == .ok, request.query == "early" { _ = request.connection.send(Bytes("early")) }
        return status.rawValue == APUS_E_INVALID ? try request.reply(200, text: "not switched") : status
    }

    private static func late(_ request: Request, _ host: Host) throws -> Status {
        let task = try request.suspend()
        after(30000, on: request.connection, host) {
            task.resume((try? Upgrades.switchNow(request, host)) ?? .failed)
        }
        return .suspended
    }

    private static func hints(_ request: Request) throws -> Status {
        request.headersOut["Link"] = Bytes("</style.css>; rel=preload")
        request.headersOut["Content-Length"] = Bytes("5")
        request.errorHeadersOut["X-Later"] = Bytes("1")
        let statuses: [Int32] = [103, 102, 199, 101, 200]
        let outcomes = statuses.map { "\(request.interim($0).rawValue)" }
        request.headersOut["Content-Length"] = nil
        return try request.reply(200, text: outcomes.joined(separator: " "))
    }
}

/// Gives back what it gets.
private final class Echo: ConnectionOwner {
    private static let flood = 8 << 20
    private static let block = [UInt8](repeating: UInt8(ascii: "f"), count: 65536)

    private let connection: Connection
    private let host: Host
    private var flooded = 0

    init(_ connection: Connection, _ host: Host) {
        self.connection = connection
        self.host = host
    }

    func receive(_ bytes: Bytes) throws -> Status {
        guard !bytes.isEmpty else {
            _ = connection.send(Bytes("ended"))
            connection.close()
            return .ok
        }
        switch bytes.string {
        case "flood": return writable()
        case "fail": return .failed
        case "idle":
            connection.setIdleLimit(100_000)
            return .ok
        case "hold":
            connection.hold(true)
            let connection = connection
            after(50000, on: connection, host) { connection.hold(false) }
            return say(Bytes("held"))
        default:
            let status = say(bytes)
            if bytes == "bye" { connection.close() }
            return status
        }
    }

    private func say(_ text: Bytes) -> Status {
        let status = connection.send(text)
        return status == .again ? .ok : status
    }

    func writable() -> Status {
        while flooded < Echo.flood {
            flooded += Echo.block.count
            let status = Echo.block.withUnsafeBytes { connection.send(Bytes($0)) }
            if status == .again {
                if connection.pending <= 0 { host.log.warn("echo waits for nothing") }
                return .ok
            }
            if status != .ok { return status }
        }
        connection.close()
        return .ok
    }

    func close() { host.log.warn("echo closes") }
}

private final class Later {
    let body: () -> Void
    init(_ body: @escaping () -> Void) { self.body = body }
}

/// Calls `body` on the loop, unless the connection has gone by then.
private func after(_ time: UInt64, on connection: Connection, _ host: Host, _ body: @escaping () -> Void) {
    let tasks = host.table(APUS_EXT_TASKS, as: apus_tasks_v1.self)
    _ = tasks.pointee.timer(
        connection.raw, time, { Unmanaged<Later>.fromOpaque($0!).takeRetainedValue().body() },
        Unmanaged.passRetained(Later(body)).toOpaque(), nil)
}

/// A transport that agrees on the protocol.
nonisolated(unsafe) private let wire = apus_transport_v0(
    size: UInt32(MemoryLayout<apus_transport_v0>.size), flags: 0,
    open: { _, c, state in
        guard let c, Upgrades.conn.pointee.number(c, APUS_C_LOCAL_PORT) == Upgrades.port else { return APUS_DECLINED }
        state?.pointee = UnsafeMutableRawPointer(c)
        return APUS_OK
    },
    handshake: { _ in APUS_OK },
    read: { state, buffer, capacity, n in Upgrades.wires.pointee.read(OpaquePointer(state), buffer, capacity, n) },
    write: { state, parts, count, n in
        n?.pointee = 0
        for index in 0..<Int(count) {
            guard let part = parts?[index] else { break }
            var sent = 0
            let status = Upgrades.wires.pointee.write(OpaquePointer(state), part.ptr, part.len, &sent)
            n?.pointee += sent
            guard status == APUS_OK else { return status }
        }
        return APUS_OK
    },
    shutdown: { _ in APUS_OK }, close: { _ in }, protocol: { _ in Bytes("abi-echo") }, write_last: nil)

@c(apus_module_entry)
public func entry(_ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>) -> UnsafePointer<apus_module>? {
    Upgrades.descriptor(for: host, named: name)
}
