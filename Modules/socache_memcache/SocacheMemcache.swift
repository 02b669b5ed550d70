import ModuleKit
import RemoteCache

/// Shared objects in memcached servers: the cache "memcache".
final class SocacheMemcache: Module {
    struct ServerConf: Configuration {
        /// How long an idle connection is kept, in microseconds.
        var idle: Int64 = 15_000_000
    }

    static let info = ModuleInfo(
        "socache_memcache_module", version: "1.0", requires: [APUS_EXT_PROVIDERS, APUS_EXT_SERVER, APUS_EXT_TASKS])
    static let directives = [
        RemoteTimes.directive("MemcacheConnTTL", "how long idle connections are kept: num[ms|s|min|h]", \ServerConf.idle)
    ]

    /// Microseconds that a server may take to answer. httpd has no directive for it either.
    static let patience: Int64 = 1_000_000

    init(_ host: Host) throws {
        let flags = APUS_SOCACHE_SHARED | APUS_SOCACHE_MAY_BLOCK | APUS_SOCACHE_SURVIVES_RESTART
        let language = MemcacheProtocol()
        try host.provideObjectStore("memcache", flags: flags) { _, argument in
            let servers = try RemoteAddress.list(argument, standardPort: language.standardPort, kind: language.name)
            return RemoteStore(host, language, servers) {
                RemoteTimes(answer: SocacheMemcache.patience, idle: host.mainServer.conf(ServerConf.self).pointee.idle)
            }
        }
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    SocacheMemcache.descriptor(for: host, named: name)
}
