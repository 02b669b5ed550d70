import CGIScripts
import ModuleKit

/// Runs CGI programs. In httpd a daemon starts them, because forking a process with many threads is dear; here they are
/// started without copying the process at all, so there is no daemon and nothing that its socket would be for.
final class Cgid: Module {
    typealias ServerConf = ScriptServerConf
    typealias DirConf = ScriptDirConf

    static let info = ModuleInfo("cgid_module", version: "1.0", requires: ScriptModule.requirements)
    static let directives = ScriptModule.directives + [
        ScriptModule.timeout("CGIDScriptTimeout"),
        Directive("ScriptSock", .one, in: .global, help: "accepted without effect: there is no daemon to talk to") {
            Log(host: $0.host).write(.info, "ScriptSock has no effect: programs are started without a daemon (\($0.place))")
            _ = $1
        },
    ]

    init(_ host: Host) throws { try ScriptModule.attach(host) }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    Cgid.descriptor(for: host, named: name)
}
