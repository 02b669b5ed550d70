import ModuleKit

final class Dir: Module {
    static let info = ModuleInfo("dir_module", version: "1.0")

    init(_ host: Host) throws {}
}

@c(apus_module_entry)
public func entry(_ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>) -> UnsafePointer<apus_module>? {
    Dir.descriptor(for: host, named: name)
}
