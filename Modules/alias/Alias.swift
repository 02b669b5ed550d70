import ModuleKit

/// Maps URL paths to places in the file system, and redirects clients to other URLs.
final class Alias: Module {
    typealias ServerConf = AliasServerConf
    typealias DirConf = AliasDirConf

    static let info = ModuleInfo(
        "alias_module", version: "1.0", requires: [APUS_EXT_REGEX, APUS_EXT_SUBREQUEST, APUS_EXT_EXPR])
    static let directives = aliasDirectives + redirectDirectives

    init(_ host: Host) throws {
        let serverRoot = host.serverRoot
        try host.hooks.translateName(Order(.middle, flags: .explainable)) {
            try translate($0, serverRoot: serverRoot, log: host.log)
        }
        try host.hooks.fixups(Order(.middle, flags: .explainable)) {
            try redirectByDirectory($0, log: host.log)
        }
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    Alias.descriptor(for: host, named: name)
}
