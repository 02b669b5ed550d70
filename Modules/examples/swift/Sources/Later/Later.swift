import Glibc
import ModuleKit

/// later_module: three ways to answer when an answer is not there at once.
///
///     SetHandler later-timer       after so many milliseconds as the query says
///     SetHandler later-socket      with the line that LaterPort of this machine says
///     SetHandler later-block       with work that blocks, on the pool
final class Later: Module {
    struct ServerConf: Configuration {
        var port = 0
    }

    static let info = ModuleInfo("later_module", version: "1.0", requires: [APUS_EXT_TASKS])

    static let directives = [
        Directive("LaterPort", .one, in: .server, help: "a port of this machine") {
            let port = try Int(word: $1[0])
            guard 1...65535 ~= port else { throw DirectiveError("\(port) is not a port: they are 1 to 65535") }
            $0.updateServer { (conf: inout ServerConf) in conf.port = port }
        }
    ]

    init(_ host: Host) throws {
        try host.hooks.handler(Order(.middle, flags: .maySuspend)) { request in
            switch request.handler {
            case let handler where handler == "later-timer": try Later.afterTimer(request)
            case let handler where handler == "later-socket": try Later.fromSocket(request, host)
            default: .declined
            }
        }
        try host.hooks.handler(Order(.middle, flags: .mayBlock)) { request in
            guard request.handler == "later-block" else { return .declined }
            // This thread may wait; the loop goes on meanwhile.
            usleep(20_000)
            return try request.reply(200, text: "worked\n")
        }
    }

    /// The hook is called again when the timer has resumed it: the slot says that it was here before.
    private static func afterTimer(_ request: Request) throws -> Status {
        if request.slot != nil { return try request.reply(200, text: "waited\n") }
        let milliseconds = min(UInt64(request.query.string) ?? 10, 10_000)
        request.slot = UnsafeMutableRawPointer(request.raw)
        let task = try request.suspend()
        // Not called when the connection has gone. When the request has gone, resuming it does nothing.
        try request.connection.after(microseconds: milliseconds * 1000) { task.resume(.again) }
        return .suspended
    }

    private static func fromSocket(_ request: Request, _ host: Host) throws -> Status {
        if let slot = request.slot {
            let talk = Unmanaged<Talk>.fromOpaque(slot).takeUnretainedValue()
            guard let line = talk.line else { return .status(502) }
            return try request.reply(200, text: line)
        }
        let port = request.serverConf(ServerConf.self).pointee.port
        guard port > 0 else { return .status(503) }
        let talk = try Talk(host, port: UInt16(port))
        // It belongs to the request: however that ends, the socket is closed.
        request.slot = Unmanaged.passUnretained(talk).toOpaque()
        request.pool.onDestroy { talk.end() }
        talk.task = try request.suspend { talk.end() }
        try talk.begin()
        return .suspended
    }
}

/// One line from a peer, without holding the loop.
private final class Talk {
    private let host: Host
    private var socket: Int32
    private var received: [UInt8] = []
    private(set) var line: String?
    var task: SuspendedTask?

    init(_ host: Host, port: UInt16) throws {
        self.host = host
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_NONBLOCK, 0)
        guard socket >= 0 else { throw ModuleError("no socket: \(String(cString: strerror(errno)))") }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
        guard status == 0 || errno == EINPROGRESS else {
            let problem = errno
            close(socket)
            throw ModuleError("cannot connect: \(String(cString: strerror(problem)))", status: .status(502))
        }
    }

    func begin() throws {
        try host.watch(socket, APUS_FD_READ, context: Unmanaged.passUnretained(self).toOpaque()) { context, _ in
            Unmanaged<Talk>.fromOpaque(context!).takeUnretainedValue().ready()
        }
    }

    private func ready() {
        var buffer = [UInt8](repeating: 0, count: 512)
        let count = read(socket, &buffer, buffer.count)
        if count < 0, errno == EAGAIN { return }
        received += buffer[..<max(count, 0)]
        if let end = received.firstIndex(of: 10) {
            line = String(decoding: received[...end], as: UTF8.self)
        } else if count > 0, received.count < 4096 {
            return
        }
        end()
        task?.resume(.again)
    }

    func end() {
        guard socket >= 0 else { return }
        host.unwatch(socket)
        close(socket)
        socket = -1
    }
}

@c(apus_module_entry)
public func entry(_ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>) -> UnsafePointer<apus_module>? {
    Later.descriptor(for: host, named: name)
}
