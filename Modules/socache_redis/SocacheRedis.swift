import ModuleKit
import RemoteCache

/// Shared objects in Redis servers: the cache "redis".
final class SocacheRedis: Module {
    struct ServerConf: Configuration {
        /// How long a server may take to answer, in microseconds.
        var answer: Int64 = 5_000_000
        /// How long an idle connection is kept.
        var idle: Int64 = 15_000_000
    }

    static let info = ModuleInfo(
        "socache_redis_module", version: "1.0", requires: [APUS_EXT_PROVIDERS, APUS_EXT_SERVER, APUS_EXT_TASKS])
    static let directives = [
        RemoteTimes.directive("RedisConnPoolTTL", "how long idle connections are kept: num[ms|s|min|h]", \ServerConf.idle),
        RemoteTimes.directive("RedisTimeout", "how long a server may take to answer: num[ms|s|min|h]", \ServerConf.answer),
    ]

    init(_ host: Host) throws {
        let flags = APUS_SOCACHE_SHARED | APUS_SOCACHE_MAY_BLOCK | APUS_SOCACHE_SURVIVES_RESTART
        let language = RedisProtocol()
        try host.provideObjectStore("redis", flags: flags) { _, argument in
            let servers = try RemoteAddress.list(argument, standardPort: language.standardPort, kind: language.name, knowsUsers: true)
            return RemoteStore(host, language, servers) {
                let conf = host.mainServer.conf(ServerConf.self).pointee
                return RemoteTimes(answer: conf.answer, idle: conf.idle)
            }
        }
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    SocacheRedis.descriptor(for: host, named: name)
}
