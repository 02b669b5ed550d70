import ModuleKit

final class AuthzCore: Module {
    static let info = ModuleInfo("authz_core_module", version: "1.0")

    init(_ host: Host) throws {}
}

@c(apus_module_entry)
public func entry(_ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>) -> UnsafePointer<apus_module>? {
    AuthzCore.descriptor(for: host, named: name)
}
