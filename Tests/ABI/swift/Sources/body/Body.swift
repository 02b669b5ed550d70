import Glibc
import ModuleKit
import Support

/// Bodies read and written as chains.
final class Body: Module {
    static let info = ModuleInfo(
        "abi_body_module", version: "1.0", requires: [APUS_EXT_TASKS])

    init(_ host: Host) throws {
        let table = host.table(APUS_EXT_BODY, as: apus_body_v1.self)
        try host.hooks.handler(Order(.middle, flags: .maySuspend)) { request in
            guard request.handler == "abi" else { return .declined }
            let number = Int(request.query.string) ?? 0
            switch request.path.string {
            case "/echo": return try collectBody(request, max: 4096, Body.echo)
            case "/count": return try Count().start(request)
            case "/stream": return try Stream(pieces: number).start(request)
            case "/pieces": return Body.pieces(request, host, table)
            case "/file": return Body.file(request, table)
            case "/chains": return try Body.chains(request, table)
            case "/trailers": return try collectBody(request, Body.trailers)
            case "/expected": return try request.reply(200, text: "\(request.number(APUS_R_BODY_EXPECTED))")
            default: return .declined
            }
        }
    }

    private static func echo(_ request: Request, _ chain: Chain, _ status: Status) -> Status {
        guard status == .ok else { return status }
        request.status = 200
        request.contentType = Bytes("application/octet-stream")
        chain.appendEnd()
        _ = request.write(chain)
        return .ok
    }

    private static func pieces(_ request: Request, _ host: Host, _ table: UnsafePointer<apus_body_v1>)
        -> Status
    {
        let chain = Chain(in: request.pool)
        request.contentType = Bytes("text/plain")
        chain.append("one ")
        let box = Unmanaged.passRetained(Releaser(host)).toOpaque()
        _ = table.pointee.append_borrowed(
            chain.raw, Bytes("two "), { Unmanaged<Releaser>.fromOpaque($0!).takeRetainedValue().release() },
            box)
        chain.appendFlush()
        chain.append("three")
        chain.appendEnd()
        return request.write(chain).rawValue < 0 ? .failed : .ok
    }

    private static func file(_ request: Request, _ table: UnsafePointer<apus_body_v1>) -> Status {
        let fd = open(request.server.documentRoot.string + "/data.bin", O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { return .status(404) }
        let chain = Chain(in: request.pool)
        request.contentType = Bytes("application/octet-stream")
        chain.append("<")
        _ = table.pointee.append_file(chain.raw, fd, 100, 1000, 1)
        _ = table.pointee.append_file(chain.raw, dup(fd), 5000, 3, 1)
        chain.append(">")
        chain.appendEnd()
        let status = request.write(chain)
        return status.rawValue < 0 ? status : .ok
    }

    private static func show(_ chain: Chain) -> String {
        var text = "\(chain.length):"
        while let segment = chain.first {
            switch segment.kind {
            case APUS_SEG_DATA: text += "[\(segment.data.string)]"
            case APUS_SEG_END: text += "[END]"
            case APUS_SEG_FLUSH: text += "[FLUSH]"
            default: text += "[FILE]"
            }
            chain.dropFirst()
        }
        return text + "\n"
    }

    private static func chains(_ request: Request, _ table: UnsafePointer<apus_body_v1>) throws -> Status {
        let a = Chain(in: request.pool)
        let b = Chain(in: request.pool)
        var segment = apus_segment()
        segment.size = UInt32(MemoryLayout<apus_segment>.size)
        var small = apus_segment()
        small.size = 8
        var text = "empty \(table.pointee.peek(a.raw, &segment))\n"
        a.append("abcdef")
        a.appendFlush()
        a.append("ghi")
        a.appendEnd()
        text += "bad \(table.pointee.append_mark(a.raw, 9)) \(table.pointee.peek(a.raw, &small))\n"
        table.pointee.drop(a.raw, 2)
        table.pointee.move(b.raw, a.raw, 3)
        text += show(b)
        table.pointee.move(b.raw, a.raw, 2)
        text += show(b)
        b.take(a)
        text += show(b)
        text += show(a)
        return try request.reply(200, text: text)
    }

    private static func trailers(_ request: Request, _ body: Chain, _ status: Status) -> Status {
        guard status == .ok else { return status }
        let sum = HeaderFields(of: request, table: APUS_HEADERS_TRAILERS_IN)["X-Sum"]
        let chain = Chain(in: request.pool)
        request.contentType = Bytes("text/plain")
        HeaderFields(of: request, table: APUS_HEADERS_TRAILERS_OUT)["X-Got"] = sum ?? Bytes("none")
        chain.append("body ")
        _ = request.write(chain)
        chain.take(body)
        chain.appendFlush()
        chain.appendEnd()
        _ = request.write(chain)
        return .ok
    }
}

/// Says when borrowed bytes are given back.
private final class Releaser {
    let host: Host
    init(_ host: Host) { self.host = host }
    func release() { host.log.warn("released") }
}

/// The number of bytes, their sum, and the largest piece.
private final class Count {
    private var bytes = 0
    private var sum = 0
    private var largest = 0

    func start(_ request: Request) throws -> Status {
        let status = goOn(request)
        guard status == .again else { return answer(request, status) }
        let task = try request.suspend()
        wait(request, task)
        return .suspended
    }

    private func wait(_ request: Request, _ task: SuspendedTask) {
        request.when(APUS_WANT_READ) { request in
            let status = self.goOn(request)
            if status == .again {
                self.wait(request, task)
            } else {
                task.resume(self.answer(request, status))
            }
        }
    }

    private func goOn(_ request: Request) -> Status {
        let chain = Chain(in: request.pool)
        while true {
            let status = request.read(65536, into: chain)
            guard status == .ok else { return status }
            largest = max(largest, Int(chain.length))
            while let segment = chain.first {
                if segment.kind == APUS_SEG_END { return .ok }
                bytes += segment.data.count
                for byte in segment.data.buffer { sum += Int(byte) }
                chain.dropFirst()
            }
        }
    }

    private func answer(_ request: Request, _ status: Status) -> Status {
        guard status == .ok else { return status }
        return (try? request.reply(200, text: "\(bytes) \(sum) \(largest)")) ?? .failed
    }
}

/// A long answer made piece by piece, as fast as the client takes it.
private final class Stream {
    private var left: Int
    private var hasWaited = false

    init(pieces: Int) { left = pieces }

    func start(_ request: Request) throws -> Status {
        request.contentType = Bytes("text/plain")
        let status = goOn(request)
        guard status == .again else { return status }
        let task = try request.suspend()
        wait(request, task)
        return .suspended
    }

    private func wait(_ request: Request, _ task: SuspendedTask) {
        request.when(APUS_WANT_WRITE) { request in
            let status = self.goOn(request)
            if status == .again { self.wait(request, task) } else { task.resume(status) }
        }
    }

    private func goOn(_ request: Request) -> Status {
        while left > 0 {
            let chain = Chain(in: request.pool)
            let piece = [UInt8](repeating: 0x61 + UInt8(left % 26), count: 65536)
            piece.withUnsafeBytes { chain.append(Bytes($0)) }
            left -= 1
            let status = request.write(chain)
            guard chain.length == 0 else { return .failed }
            if status == .again { hasWaited = true }
            guard status == .ok else { return status }
        }
        let chain = Chain(in: request.pool)
        HeaderFields(of: request, table: APUS_HEADERS_TRAILERS_OUT)["X-Waits"] = Bytes(
            hasWaited ? "waited" : "at once")
        chain.appendEnd()
        return request.write(chain).rawValue < 0 ? Status(rawValue: APUS_E_CLOSED) : .ok
    }
}

@c(apus_module_entry)
public func entry(_ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>) -> UnsafePointer<
    apus_module
>? {
    Body.descriptor(for: host, named: name)
}
