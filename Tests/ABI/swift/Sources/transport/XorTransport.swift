import ModuleABI.Draft
@_spi(Draft) import ModuleKit
import Support

private let key: UInt8 = 0x2a

/// The state of one connection.
private final class Wire {
    let connection: OpaquePointer
    let module: XorTransport
    var task: apus_task = 0
    var isWaiting = false
    var isReady = false
    var pending: [UInt8] = []
    var sent = 0

    init(_ connection: OpaquePointer, _ module: XorTransport) {
        self.connection = connection
        self.module = module
    }

    static func of(_ state: UnsafeMutableRawPointer?) -> Wire {
        Unmanaged<Wire>.fromOpaque(state!).takeUnretainedValue()
    }

    func handshake() -> apus_status {
        if isReady { return APUS_OK }
        if isWaiting { return APUS_SUSPENDED }
        var first: UInt8 = 0
        var count = 0
        let status = module.wire.pointee.read(connection, &first, 1, &count)
        guard status == APUS_OK else { return status }
        guard count == 1 else { return APUS_E_CLOSED }
        switch first {
        case UInt8(ascii: "X"): return APUS_OK
        case UInt8(ascii: "G"): return APUS_DECLINED
        case UInt8(ascii: "S"): return wait()
        default: return APUS_E_FAIL
        }
    }

    private func wait() -> apus_status {
        isWaiting = true
        guard module.wire.pointee.suspend(connection, nil, nil, &task) == APUS_OK else {
            return APUS_E_FAIL
        }
        _ = module.tasks.pointee.timer(
            connection, 50000,
            { state in
                let its = Wire.of(state)
                its.isReady = true
                _ = its.module.tasks.pointee.resume(its.task, APUS_OK)
            }, Unmanaged.passUnretained(self).toOpaque(), nil)
        return APUS_SUSPENDED
    }

    func read(_ buffer: UnsafeMutableRawPointer, _ capacity: Int, _ n: UnsafeMutablePointer<Int>)
        -> apus_status
    {
        let status = module.wire.pointee.read(connection, buffer, capacity, n)
        guard status == APUS_OK else { return status }
        let bytes = buffer.assumingMemoryBound(to: UInt8.self)
        for index in 0..<n.pointee { bytes[index] ^= key }
        return status
    }

    /// Sends what is kept.
    func flush() -> apus_status {
        while sent < pending.count {
            var n = 0
            let status = pending.withUnsafeBytes { bytes in
                module.wire.pointee.write(connection, bytes.baseAddress! + sent, bytes.count - sent, &n)
            }
            sent += n
            if status != APUS_OK { return status }
        }
        pending.removeAll(keepingCapacity: true)
        sent = 0
        return APUS_OK
    }

    func write(_ parts: UnsafeBufferPointer<apus_str>, _ taken: UnsafeMutablePointer<Int>) -> apus_status {
        taken.pointee = 0
        let status = flush()
        guard status == APUS_OK else { return status }
        for part in parts {
            let count = min(part.count, 70000 - pending.count)
            for byte in part.upTo(count).buffer { pending.append(byte ^ key) }
            taken.pointee += count
            if count < part.count { break }
        }
        return flush()
    }
}

/// A transport that XORs every byte: a transport can be written from outside.
///
/// The client says first what it wants: 'X' begins, 'S' begins after a wait, 'G' is plain HTTP, else it is refused.
final class XorTransport: Module {
    struct ServerConf: Configuration {
        var port = 0
    }

    static let info = ModuleInfo(
        "abi_transport_module", version: "1.0",
        requires: [APUS_EXT_PROVIDERS, APUS_EXT_TASKS, APUS_EXT_SUBREQUEST, APUS_EXT_WIRE])
    static let directives = [
        Directive("AbiXorPort", .one, in: .global) { try $0.set(server: \ServerConf.port, $1) }
    ]

    fileprivate let host: Host
    fileprivate let conn: UnsafePointer<apus_conn_v1>
    fileprivate let wire: UnsafePointer<apus_wire_v0>
    fileprivate let tasks: UnsafePointer<apus_tasks_v1>

    init(_ host: Host) throws {
        self.host = host
        conn = host.table(APUS_EXT_CONN, as: apus_conn_v1.self)
        wire = host.table(APUS_EXT_WIRE, as: apus_wire_v0.self)
        tasks = host.table(APUS_EXT_TASKS, as: apus_tasks_v1.self)
        try host.provide(APUS_GROUP_TRANSPORT, "abi-xor", XorTransport.table, context: self)
        try host.hooks.handler(.middle) { request in
            guard request.handler == "abi" else { return .declined }
            let c = request.connection
            if request.path == "/abi/select" {
                let matched = c.selectServer(named: request.query)
                return try request.reply(200, text: "\((matched ?? c.server).name.string) \(matched == nil ? 0 : 1)")
            }
            guard request.path == "/abi" else { return .declined }
            let name = self.conn.pointee.get(c.raw, APUS_C_TRANSPORT).string
            return try request.reply(
                200,
                text:
                    "\(name) \(c.isSecure ? 1 : 0) \(request.scheme.string) \(c.transport("abi-xor") == nil ? 0 : 1) "
                    + request.absoluteURL(Bytes("/x")).string)
        }
    }

    private static let table = apus_transport_v0(
        size: UInt32(MemoryLayout<apus_transport_v0>.size), flags: APUS_TRANSPORT_SECURE,
        open: { ctx, c, state in
            let its = Unmanaged<XorTransport>.fromOpaque(ctx!).takeUnretainedValue()
            let connection = Connection(c!, host: its.host.raw)
            guard connection.localPort == its.host.mainServer.conf(ServerConf.self).pointee.port else {
                return APUS_DECLINED
            }
            state?.pointee = Unmanaged.passRetained(Wire(c!, its)).toOpaque()
            return APUS_OK
        },
        handshake: { Wire.of($0).handshake() },
        read: { Wire.of($0).read($1!, $2, $3!) },
        write: { Wire.of($0).write(UnsafeBufferPointer(start: $1, count: Int($2)), $3!) },
        shutdown: { state in
            let its = Wire.of(state)
            let status = its.flush()
            if status == APUS_OK { its.module.host.log.warn("transport says goodbye") }
            return status
        },
        close: { state in
            Wire.of(state).module.host.log.warn("transport closes")
            Unmanaged<Wire>.fromOpaque(state!).release()
        },
        protocol: { _ in .none },
        write_last: { state, parts, count, n in
            let its = Wire.of(state)
            its.module.host.log.warn("transport gets the last \(count) parts")
            return its.write(UnsafeBufferPointer(start: parts, count: Int(count)), n!)
        })
}

@c(apus_module_entry)
public func entry(_ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>) -> UnsafePointer<
    apus_module
>? {
    XorTransport.descriptor(for: host, named: name)
}
