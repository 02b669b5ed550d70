import ModuleABI.Draft
import ModuleKit

/// Shows what the server is made of: its modules, their directives and hooks, and the configuration as it was read.
final class Info: Module {
    typealias ServerConf = InfoConf

    static let info = ModuleInfo("info_module", version: "1.0", requires: [APUS_EXT_INSPECT])
    static let directives = [
        Directive("AddModuleInfo", .two, in: .server, help: "a module such as mod_dir.c, and HTML about it") {
            let note = ModuleNote(module: $1.string(0), markup: $1.string(1))
            $0.serverConfiguration(InfoConf.self).pointee.notes.append(note)
        }
    ]

    init(_ host: Host) throws {
        try host.hooks.handler(.middle) { request in
            guard request.handler == "server-info", request.method == "GET" || request.method == "HEAD" else {
                return .declined
            }
            return try request.reply(
                200, text: InfoPage(host, request).markup(), contentType: "text/html; charset=ISO-8859-1")
        }
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    Info.descriptor(for: host, named: name)
}

/// What an administrator adds about a module, as HTML.
struct ModuleNote {
    let module: String
    let markup: String
}

struct InfoConf: Configuration {
    var notes: [ModuleNote] = []

    func merged(over base: InfoConf, settings: [(inout InfoConf) -> Void]) -> InfoConf {
        InfoConf(notes: base.notes + notes)
    }
}
