import ModuleKit

final class Alias: Module {
    static let info = ModuleInfo("alias_module", version: "1.0")

    init(_ host: Host) throws {}
}

@c(apus_module_entry)
public func entry(_ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>) -> UnsafePointer<apus_module>? {
    Alias.descriptor(for: host, named: name)
}
