import ModuleKit

/// Sends bodies through programs, each of which is a filter of its own.
final class ExtFilter: Module {
    typealias DirConf = ExternalOptions

    static let info = ModuleInfo("ext_filter_module", version: "1.0", requires: [APUS_EXT_FILTERS, APUS_EXT_TASKS])
    static let directives = externalFilterDirectives

    init(_ host: Host) throws {}
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    ExtFilter.descriptor(for: host, named: name)
}
