import ModuleKit

final class SSL: Module {
    static let info = ModuleInfo("ssl_module", version: "1.0")

    init(_ host: Host) throws {}
}

@c(apus_module_entry)
public func entry(_ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>) -> UnsafePointer<apus_module>? {
    SSL.descriptor(for: host, named: name)
}
