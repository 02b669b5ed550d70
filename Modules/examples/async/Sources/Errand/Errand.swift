import AsyncKit
import Glibc

/// errand_module: hooks as async functions.
///
///     ErrandPort PORT              a port of this machine, for errand-socket
///     ErrandPatience MILLISECONDS  every request waits so long before it is looked at
///
///     SetHandler errand-timer      after so many milliseconds as the query says
///     SetHandler errand-work       with work that blocks, on the pool
///     SetHandler errand-socket     with the line that the port says
///     SetHandler errand-body       with the length of the request's body
///     SetHandler errand-pieces     piece by piece, as fast as the client takes them
///     SetHandler errand-include    with the answer of what the query names inside
///     SetHandler errand-together   with what several tasks found at once
///     SetHandler errand-elsewhere  after a wait that knows nothing of the request
///     SetHandler errand-error      not at all
final class Errand: Module {
    struct ServerConf: Configuration {
        var port = 0
    }

    struct DirConf: Configuration {
        var patience = 0
    }

    static let info = ModuleInfo("errand_module", version: "1.0", requires: [APUS_EXT_TASKS, APUS_EXT_SUBREQUEST])

    static let directives = [
        Directive("ErrandPort", .one, in: .server, help: "a port of this machine") {
            let port = try Int(word: $1[0])
            guard 1...65535 ~= port else { throw DirectiveError("\(port) is not a port: they are 1 to 65535") }
            $0.updateServer { (conf: inout ServerConf) in conf.port = port }
        },
        Directive("ErrandPatience", .one, in: .any, override: .fileInfo, help: "milliseconds that every request waits") {
            try $0.set(\DirConf.patience, $1)
        },
    ]

    init(_ host: Host) throws {
        try host.hooks.access(Order(.middle, flags: .initialOnly)) { request async throws in
            let patience = request.conf(DirConf.self).patience
            if patience > 0 { try await request.sleep(for: .milliseconds(patience)) }
            return .declined
        }
        try host.hooks.handler(.middle) { request async throws in
            let name = request.handler
            guard name.hasPrefix("errand-") else { return .declined }
            switch name.string.dropFirst(7) {
            case "timer": return try await Errand.timer(request)
            case "work": return try await Errand.work(request)
            case "socket": return try await Errand.socket(request)
            case "body": return try request.reply(200, text: "\(try await request.readBody(limit: 100_000).count)\n")
            case "pieces": return try await Errand.pieces(request)
            case "include": return try await Errand.include(request)
            case "together": return try await Errand.together(request)
            case "elsewhere": return try await Errand.elsewhere(request)
            case "error": throw ModuleError("there is no such errand", status: .status(404))
            default: return .declined
            }
        }
    }

    private static func timer(_ request: Request) async throws -> Status {
        try await request.sleep(for: .milliseconds(min(Int(request.query.string) ?? 10, 10_000)))
        return try request.reply(200, text: "waited\n")
    }

    private static func work(_ request: Request) async throws -> Status {
        let seed = request.query.string
        let answer = try await request.onPool {
            usleep(20_000)  // This thread may wait; the loop goes on meanwhile.
            guard seed != "bad" else { throw ModuleError("nothing can be made of that", status: .status(422)) }
            return "worked on \(seed)\n"
        }
        return try request.reply(200, text: answer)
    }

    private static func socket(_ request: Request) async throws -> Status {
        let peer = try Peer(port: request.serverConf(ServerConf.self).pointee.port)
        defer { peer.end() }
        guard let line = try await peer.line(for: request) else { return .status(502) }
        return try request.reply(200, text: line)
    }

    private static func pieces(_ request: Request) async throws -> Status {
        request.contentType = Bytes("text/plain")
        let piece = String(repeating: "x", count: 9_999) + "\n"
        for _ in 0..<(Int(request.query.string) ?? 3) { try await request.send(piece) }
        try await request.sendEnd()
        return .ok
    }

    private static func include(_ request: Request) async throws -> Status {
        request.contentType = Bytes("text/plain")
        try await request.send("before\n")
        let sub = try request.lookup(request.query)
        let status = try await request.include(sub)
        try await request.send("after \(status.rawValue)\n")
        try await request.sendEnd()
        return .ok
    }

    /// Tasks in the hook's task run on the loop as well, in turns: what they share needs no lock.
    private static func together(_ request: Request) async throws -> Status {
        let sum = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 1...5 {
                group.addTask {
                    try await request.sleep(for: .milliseconds(number * 5))
                    return number
                }
            }
            return try await group.reduce(0, +)
        }
        return try request.reply(200, text: "\(sum)\n")
    }

    /// Not even a wait that does not hear of the client's going may cost more than the time: the request stays until then.
    private static func elsewhere(_ request: Request) async throws -> Status {
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            _ = try? Loop.after(microseconds: 300_000) { continuation.resume() }
        }
        request.notes["errand"] = request.query
        Log(host: request.host).write(.notice, request: request, "back from elsewhere: \(request.notes["errand"]?.string ?? "nothing")")
        return try request.reply(200, text: "back\n")
    }
}

/// One line from a port of this machine.
private final class Peer {
    private let socket: Int32

    init(port: Int) throws {
        guard port > 0 else { throw ModuleError("no ErrandPort is set", status: .status(503)) }
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_NONBLOCK, 0)
        guard socket >= 0 else { throw ModuleError("no socket: \(String(cString: strerror(errno)))") }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
        guard status == 0 || errno == EINPROGRESS else {
            let problem = errno
            end()
            throw ModuleError("cannot connect: \(String(cString: strerror(problem)))", status: .status(502))
        }
    }

    /// Nil: it closed without one.
    func line(for request: Request) async throws -> String? {
        var received: [UInt8] = []
        while received.count < 4096 {
            try await request.ready(socket, APUS_FD_READ)
            var buffer = [UInt8](repeating: 0, count: 512)
            let count = read(socket, &buffer, buffer.count)
            if count < 0, errno == EAGAIN { continue }
            guard count > 0 else { return nil }
            received += buffer[..<count]
            if let end = received.firstIndex(of: 10) { return String(decoding: received[...end], as: UTF8.self) }
        }
        return nil
    }

    func end() { close(socket) }
}

@c(apus_module_entry)
public func entry(_ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>) -> UnsafePointer<apus_module>? {
    Errand.descriptor(for: host, named: name)
}
