import Glibc
import ModuleKit
import Support

/// One waiting request; kept for ever, so that late callbacks stay harmless.
private final class Waiting: @unchecked Sendable {
    let request: Request
    var token: apus_token
    let host: Host
    var task: SuspendedTask?
    var number: Int
    var fd: Int32 = -1
    var otherEnd: Int32 = -1
    var calls = 0
    var text = "nothing"

    init(_ request: Request, _ number: Int, _ host: Host) throws {
        self.request = request
        self.number = number
        self.host = host
        token = request.connection.token
        task = try request.suspend { host.log.warn("cancelled \(number)") }
    }

    var pointer: UnsafeMutableRawPointer { Unmanaged.passRetained(self).toOpaque() }

    static func of(_ ctx: UnsafeMutableRawPointer?) -> Waiting {
        Unmanaged<Waiting>.fromOpaque(ctx!).takeUnretainedValue()
    }

    /// Answers on the loop and lets the request go on.
    func finish() {
        guard let status = try? request.reply(200, text: "\(text) \(number)", contentType: "text/plain")
        else { return }
        task?.resume(status)
    }
}

final class Tasks: Module {
    static let info = ModuleInfo("abi_tasks_module", version: "1.0", requires: [APUS_EXT_TASKS])

    private let host: Host
    private let table: UnsafePointer<apus_tasks_v1>

    init(_ host: Host) throws {
        self.host = host
        table = host.table(APUS_EXT_TASKS, as: apus_tasks_v1.self)
        let table = table
        try host.hooks.handler(.early) { request in
            guard request.path == "/unable" else { return .declined }
            var task: apus_task = 0
            return try request.reply(200, text: "\(table.pointee.suspend(request.raw, nil, nil, &task))")
        }
        try host.hooks.fixups(Order(.middle, flags: .maySuspend), fixups)
        try host.hooks.handler(Order(.middle, flags: .maySuspend), handle)
    }

    /// Waits for a pool thread before the handler.
    private func fixups(_ request: Request) throws -> Status {
        guard request.handler == "abi", request.path == "/after" else { return .declined }
        let its = try Waiting(request, 0, host)
        request.slot = its.pointer
        its.task?.runBlocking {
            usleep(30000)
            its.text = "blocked"
            return .declined
        }
        return .suspended
    }

    private func handle(_ request: Request) throws -> Status {
        guard request.handler == "abi" else { return .declined }
        let path = request.path.string
        switch path {
        case "/now": return try request.reply(200, text: "now")
        case "/none": return .suspended
        case "/after":
            return try request.reply(
                200, text: "after \(request.slot.map { Waiting.of($0).text } ?? "nothing")")
        default: break
        }
        let its = try Waiting(request, Int(request.query.string) ?? 0, host)
        switch path {
        case "/timer":
            its.text = "timer"
            try request.connection.after(microseconds: UInt64(its.number)) { its.finish() }
        case "/twice":
            try request.connection.after(microseconds: 1000) { self.twice(its) }
        case "/early":
            its.text = "early"
            its.finish()
        case "/unused":
            late(its, 100_000)
            return try request.reply(200, text: "unused")
        case "/thread":
            start(its) { ctx in
                usleep(20000)
                let its = Waiting.of(ctx)
                its.task?.resume(Status(rawValue: Int32(its.number)))
                return nil
            }
        case "/post":
            start(its, Tasks.post)
        case "/post-loop":
            its.token = 0
            start(its, Tasks.post)
        case "/post-later":
            its.token = 0
            _ = Tasks.post(its.pointer)
        case "/watch":
            var ends: [Int32] = [-1, -1]
            guard pipe(&ends) == 0 else { return .failed }
            (its.fd, its.otherEnd) = (ends[0], ends[1])
            guard table.pointee.watch(its.fd, APUS_FD_READ, Tasks.ready, its.pointer) == APUS_OK else {
                return .failed
            }
            start(its, Tasks.write)
        case "/cancelled-timer":
            its.text = "not cancelled by the other"
            let id = try request.connection.after(microseconds: 10000) { its.task?.resume(.status(500)) }
            table.pointee.cancel_timer(id)
            try request.connection.after(microseconds: 60000) { its.finish() }
        case "/never":
            if its.number != 0 { late(its, UInt64(its.number) * 1000) }
        default:
            return .declined
        }
        return .suspended
    }

    private func twice(_ its: Waiting) {
        let answer = (try? its.request.reply(200, text: "twice")) ?? .failed
        let first = table.pointee.resume(its.task!.id, answer.rawValue)
        host.log.warn("resumed \(first) \(table.pointee.resume(its.task!.id, APUS_OK))")
    }

    /// A timer of the worker that resumes a task whose time is over.
    private func late(_ its: Waiting, _ microseconds: UInt64) {
        _ = table.pointee.timer(
            nil, microseconds,
            { ctx in
                let its = Waiting.of(ctx)
                let table = its.host.table(APUS_EXT_TASKS, as: apus_tasks_v1.self)
                its.host.log.warn("late \(table.pointee.resume(its.task!.id, APUS_OK)) 0")
            }, its.pointer, nil)
    }

    private func start(
        _ its: Waiting, _ body: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer?
    ) {
        var id = pthread_t()
        if pthread_create(&id, nil, body, its.pointer) == 0 { pthread_detach(id) }
    }

    private static let post: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { ctx in
        usleep(10000)
        let its = Waiting.of(ctx)
        let table = its.host.table(APUS_EXT_TASKS, as: apus_tasks_v1.self)
        _ = table.pointee.post(
            its.token,
            { ctx, conn in
                let its = Waiting.of(ctx)
                let isOurs = conn.map { Connection($0, host: its.host.raw).token == its.token } ?? false
                its.text = isOurs ? "posted" : "posted to nobody"
                its.finish()
            }, ctx)
        return nil
    }

    private static let ready: @convention(c) (UnsafeMutableRawPointer?, UInt32) -> Void = { ctx, events in
        let its = Waiting.of(ctx)
        var count: UInt64 = 0
        if read(its.fd, &count, 8) == 8 { its.number += Int(count) }
        its.calls += 1
        guard its.calls == 2 else { return }
        its.host.table(APUS_EXT_TASKS, as: apus_tasks_v1.self).pointee.unwatch(its.fd)
        close(its.fd)
        its.text = events & APUS_FD_READ != 0 ? "watched" : "woken for nothing"
        its.finish()
    }

    private static let write: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { ctx in
        let fd = Waiting.of(ctx).otherEnd
        var one: UInt64 = 1
        for _ in 0..<2 {
            usleep(20000)
            _ = Glibc.write(fd, &one, 8)
        }
        close(fd)
        return nil
    }
}

/// Runs on a thread that may block.
final class Lent: Module {
    static let info = ModuleInfo("abi_tasks_lent_module", version: "1.0")

    nonisolated(unsafe) private static var loop = pthread_t()

    init(_ host: Host) throws {
        try host.hooks.childInit { Lent.loop = pthread_self() }
        try host.hooks.handler(Order(.middle, flags: .mayBlock)) { request in
            guard request.handler == "abi" else { return .declined }
            switch request.path.string {
            case "/thread":
                return try request.reply(
                    200, text: pthread_equal(pthread_self(), Lent.loop) != 0 ? "loop" : "pool")
            case "/sleep":
                usleep(UInt32(request.query.string) ?? 0)
                return try request.reply(200, text: "slept")
            case "/refuse": return .status(403)
            case "/echo": return Lent.echo(request)
            default: return .declined
            }
        }
    }

    private static func echo(_ request: Request) -> Status {
        let body = Chain(in: request.pool)
        while true {
            let status = request.read(10000, into: body)
            guard status == .ok else { return status == .again ? .failed : status }
            let part = Chain(in: request.pool)
            var isOver = false
            while let segment = body.first {
                if segment.kind == APUS_SEG_END { isOver = true } else { part.append(segment.data) }
                body.dropFirst()
            }
            if isOver { part.appendEnd() }
            let written = request.write(part)
            if written.rawValue < 0 { return written }
            if isOver { return .ok }
        }
    }
}

@c(apus_module_entry)
public func entry(_ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>) -> UnsafePointer<
    apus_module
>? {
    Tasks.descriptor(for: host, named: name) ?? Lent.descriptor(for: host, named: name)
}
