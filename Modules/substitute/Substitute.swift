import ModuleKit

/// Replaces text in answers, line by line.
final class Substitute: Module {
    typealias DirConf = SubstituteConf

    static let info = ModuleInfo(
        "substitute_module", version: "1.0", requires: [APUS_EXT_FILTERS, APUS_EXT_REGEX])
    static let directives = substituteDirectives

    init(_ host: Host) throws {
        try host.outputFilter("SUBSTITUTE", stage: APUS_STAGE_CONTENT, SubstituteFilter.self)
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    Substitute.descriptor(for: host, named: name)
}
