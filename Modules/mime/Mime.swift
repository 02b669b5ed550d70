import ModuleKit

/// Content type, language, encoding, handler and filters by file name extension.
final class Mime: Module {
    typealias ServerConf = MimeServerConf
    typealias DirConf = MimeDirConf

    static let info = ModuleInfo("mime_module", version: "1.0", requires: [APUS_EXT_FILTERS])
    static let directives = mimeDirectives

    init(_ host: Host) throws {
        // The types of TypesConfig, for all servers. They live as long as the process, at a fixed address.
        let types = UnsafeMutablePointer<ExtensionTable<Bytes>>.allocate(capacity: 1)
        types.initialize(to: ExtensionTable())

        try host.hooks.checkConfig { types.pointee = try TypesFile.load(for: host) }
        try host.hooks.typeChecker(Order(.middle, flags: .explainable)) { request in
            checkType(of: request, types: types)
        }
        try host.hooks.insertFilter(Order(.first, flags: .explainable)) { request in
            insertFilters(by: request, log: host.log)
        }
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    Mime.descriptor(for: host, named: name)
}
