import Glibc
import AsyncKit

/// The same as async functions, which return without having waited.
final class Empty: Module {
    static let info = ModuleInfo("empty_module", version: "1.0")

    init(_ host: Host) throws {
        for _ in 0..<(Int(String(cString: getenv("HOOKS"))) ?? 0) { try host.hooks.fixups(.middle) { _ async throws in .declined } }
    }
}

@c(apus_module_entry)
public func entry(_ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>) -> UnsafePointer<apus_module>? {
    Empty.descriptor(for: host, named: name)
}
