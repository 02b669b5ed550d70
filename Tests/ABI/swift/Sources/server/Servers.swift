import ModuleKit
import Support

/// The servers of the configuration, the modules, and facts of the process.
final class Servers: Module {
    static let info = ModuleInfo("abi_server_module", version: "1.0")

    private let host: Host
    private let attachWorker: Int

    init(_ host: Host) throws {
        self.host = host
        attachWorker = host.worker
        try host.hooks.handler(.middle, handle)
    }

    private func handle(_ request: Request) throws -> Status {
        guard request.handler == "abi" else { return .declined }
        let table = host.table(APUS_EXT_SERVER, as: apus_server_v1.self).pointee
        var text = ""
        switch request.path.string {
        case "/servers":
            for s in host.servers {
                let base = s.definedIn.string.split(separator: "/").last ?? ""
                text +=
                    "\(s.index)|\(s.name.string)|\(s.port)|\(s.isVirtual ? 1 : 0)|\(s.line)|\(s.timeoutMicroseconds)|"
                text += "\(table.get(s.raw, APUS_S_ADMIN).string)|\(s.documentRoot.string)|\(base)\n"
            }
        case "/modules":
            host.eachModule { name, version, file, toolchain in
                text +=
                    "module \(name.string) \(version.string) \(file.isEmpty ? "built-in" : "file") \(toolchain.string)\n"
            }
        case "/process":
            let now = host.now
            text = "root=\(host.serverRoot.string)\nversion=\(host.version.string)\nworker=\(host.worker)\n"
            text += "workers=\(table.process_number(host.raw, APUS_P_WORKERS))\n"
            text += "generation=\(table.process_number(host.raw, APUS_P_GENERATION))\nnow=\(now)\n"
            text += "clock=\(host.clock >= now ? 1 : 0)\nattach=\(attachWorker)\n"
        case "/defined":
            text =
                "\(table.is_defined(host.raw, Bytes("ABI_DEFINED"))) \(table.is_defined(host.raw, Bytes("ABI_ABSENT")))"
        case "/mine": text = request.server.name.string
        default: return .declined
        }
        return try request.reply(200, text: text, contentType: "text/plain")
    }
}

@c(apus_module_entry)
public func entry(_ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>) -> UnsafePointer<
    apus_module
>? {
    Servers.descriptor(for: host, named: name)
}
