import ModuleKit

/// Shared objects in a file of an embedded database: the cache "dbm".
final class SocacheDbm: Module {
    static let info = ModuleInfo(
        "socache_dbm_module", version: "1.0", requires: [APUS_EXT_PROVIDERS, APUS_EXT_SERVER, APUS_EXT_LEADER, APUS_EXT_SHM, APUS_EXT_MUTEX])

    init(_ host: Host) throws {
        let caches = DbmCaches(host)
        let flags = APUS_SOCACHE_SHARED | APUS_SOCACHE_SURVIVES_RESTART | APUS_SOCACHE_ANY_THREAD
        try host.provideObjectStore("dbm", flags: flags) { command, argument in
            let place = try DbmArgument(argument, command)
            return DbmStore(caches, place)
        }
        try host.hooks.childInit { caches.begin() }
        try host.onMessage { name, _ in caches.receive(name.string) }
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    SocacheDbm.descriptor(for: host, named: name)
}
