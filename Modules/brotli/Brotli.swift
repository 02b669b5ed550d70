import ModuleKit

/// Compresses answers with brotli (RFC 7932).
final class Brotli: Module {
    typealias ServerConf = BrotliConf

    static let info = ModuleInfo("brotli_module", version: "1.0", requires: [APUS_EXT_FILTERS])
    static let directives = brotliDirectives

    init(_ host: Host) throws {
        try host.outputFilter("BROTLI_COMPRESS", stage: APUS_STAGE_ENCODE, EncodingFilter<BrotliEncoder>.self)
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    Brotli.descriptor(for: host, named: name)
}
