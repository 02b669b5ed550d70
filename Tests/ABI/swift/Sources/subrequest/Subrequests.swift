import ModuleKit
import Support

/// Requests inside the server: looked up, adopted, redirected to.
final class Subrequests: Module {
    static let info = ModuleInfo(
        "abi_subrequest_module", version: "1.0", requires: [APUS_EXT_SUBREQUEST, APUS_EXT_TASKS])

    init(_ host: Host) throws {
        try host.hooks.fixups(.middle, Subrequests.fixups)
        try host.hooks.handler(Order(.early, flags: .maySuspend), Subrequests.slow)
        try host.hooks.handler(.middle, Subrequests.handle)
    }

    private static func show(_ r: Request) -> String {
        "status=\(r.status)\ntype=\(r.fileType)\nsize=\(r.number(APUS_R_FILE_SIZE))\n"
            + "content-type=\(r.contentType.string)\nfilename=\(r.filename.string)\npath=\(r.path.string)\n"
            + "query=\(r.query.string)\nmethod=\(r.method.string)\nsub=\(r.isSubrequest ? 1 : 0)\n"
    }

    private static func handle(_ request: Request) throws -> Status {
        guard request.handler == "abi" else { return .declined }
        switch request.path.string {
        case "/abi/lookup":
            do {
                let sub = try request.lookup(request.query)
                let text = "lookup=0\n\(show(sub))main=\(sub.main?.raw == request.raw ? 1 : 0)\n"
                sub.destroy()
                return try request.reply(200, text: text)
            } catch let error as ModuleError {
                return try request.reply(200, text: "lookup=\(error.status.rawValue)\n")
            }
        case "/abi/redirect": return try request.internalRedirect(request.query)
        case "/abi/loop":
            do { return try request.internalRedirect(Bytes("/abi/loop")) } catch { return .status(500) }
        case "/abi/target":
            return try request.reply(
                200, text: show(request) + "previous=\(request.previous?.path.string ?? "none")\n")
        case "/abi/url":
            return try request.reply(200, text: request.absoluteURL(Bytes("/a b/\u{e9}?c%d")).string)
        default: return .declined
        }
    }

    /// /adopt?TARGET becomes the answer to TARGET.
    private static func fixups(_ request: Request) throws -> Status {
        guard request.path == "/adopt", request.main == nil else { return .declined }
        guard let sub = try? request.lookup(request.query) else { return .status(500) }
        guard sub.status == 200 else { return .status(Int32(sub.status)) }
        try request.adopt(sub)
        return .ok
    }

    private static func slow(_ request: Request) throws -> Status {
        guard request.path == "/abi/slow" else { return .declined }
        let task = try request.suspend()
        try request.connection.after(microseconds: 50000) {
            task.resume((try? request.reply(200, text: "late")) ?? .failed)
        }
        return .suspended
    }
}

@c(apus_module_entry)
public func entry(_ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>) -> UnsafePointer<
    apus_module
>? {
    Subrequests.descriptor(for: host, named: name)
}
