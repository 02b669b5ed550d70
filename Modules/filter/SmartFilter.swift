import ModuleKit

/// Chooses output filters when the head of an answer is known.
final class SmartFilter: Module {
    typealias DirConf = FilterConf

    static let info = ModuleInfo(
        "filter_module", version: "1.0", requires: [APUS_EXT_FILTERS, APUS_EXT_EXPR])
    static let directives = filterDirectives

    init(_ host: Host) throws {
        try host.outputFilter(Dispatcher.name, stage: APUS_STAGE_CONTENT, Dispatcher.self)
        try host.hooks.insertFilter(Order(.middle, flags: .explainable)) { request in
            guard !request.confPointer(FilterConf.self).pointee.chain.isEmpty else { return }
            do {
                try request.insertFilter(Bytes(Dispatcher.literal), direction: APUS_OUTPUT)
            } catch {
                host.log.error("\(error)", request: request)
            }
        }
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    SmartFilter.descriptor(for: host, named: name)
}
