import CGIScripts
import ModuleKit

/// Runs CGI programs.
final class Cgi: Module {
    typealias ServerConf = ScriptServerConf
    typealias DirConf = ScriptDirConf

    static let info = ModuleInfo("cgi_module", version: "1.0", requires: ScriptModule.requirements)
    static let directives = ScriptModule.directives + [ScriptModule.timeout("CGIScriptTimeout")]

    init(_ host: Host) throws { try ScriptModule.attach(host) }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    Cgi.descriptor(for: host, named: name)
}
