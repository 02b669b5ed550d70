import ModuleKit

/// Answers for directories with their index file, gives their URLs a trailing slash, and sends what is not
/// there to a fallback.
final class Dir: Module {
    typealias DirConf = DirectoryConf

    static let info = ModuleInfo("dir_module", version: "1.0", requires: [APUS_EXT_SUBREQUEST])
    static let directives = directoryDirectives

    init(_ host: Host) throws {
        try host.hooks.fixups(Order(.last, flags: .explainable)) { try fixUp($0) }
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    Dir.descriptor(for: host, named: name)
}
