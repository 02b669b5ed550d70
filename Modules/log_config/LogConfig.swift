import ModuleKit

final class LogConfig: Module {
    static let info = ModuleInfo("log_config_module", version: "1.0")

    init(_ host: Host) throws {}
}

@c(apus_module_entry)
public func entry(_ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>) -> UnsafePointer<apus_module>? {
    LogConfig.descriptor(for: host, named: name)
}
