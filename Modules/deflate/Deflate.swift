import ModuleKit

/// Compresses answers with gzip, and takes the compression off answers and request bodies.
final class Deflate: Module {
    typealias ServerConf = DeflateServerConf
    typealias DirConf = InflateLimits

    static let info = ModuleInfo("deflate_module", version: "1.0", requires: [APUS_EXT_FILTERS])
    static let directives = deflateDirectives

    init(_ host: Host) throws {
        try host.outputFilter("DEFLATE", stage: APUS_STAGE_ENCODE, EncodingFilter<DeflateEncoder>.self)
        // Before those that work on content, so that they see it as it is.
        try host.outputFilter("INFLATE", stage: APUS_STAGE_CONTENT, before: ["INCLUDES", "SUBSTITUTE", "Sed"], InflateFilter.self)
        try host.inputFilter("DEFLATE", stage: APUS_STAGE_ENCODE, InflateInputFilter.self)
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    Deflate.descriptor(for: host, named: name)
}
