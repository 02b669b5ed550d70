import ModuleKit

/// Shared objects in cyclic buffers in shared memory: the cache "shmcb".
final class SocacheShmcb: Module {
    static let info = ModuleInfo(
        "socache_shmcb_module", version: "1.0",
        requires: [APUS_EXT_PROVIDERS, APUS_EXT_SHM, APUS_EXT_MUTEX, APUS_EXT_SERVER])

    init(_ host: Host) throws {
        let flags = APUS_SOCACHE_SHARED | APUS_SOCACHE_ANY_THREAD
        try host.provideObjectStore("shmcb", flags: flags) { command, argument in
            try CyclicStore(host, CyclicArgument(argument), command)
        }
        // What httpd calls the provider that its users take when none is named.
        try host.provideObjectStore("default", flags: flags) { command, argument in
            try CyclicStore(host, CyclicArgument(argument), command)
        }
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    SocacheShmcb.descriptor(for: host, named: name)
}
