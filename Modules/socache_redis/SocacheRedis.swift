import ModuleKit
import RemoteCache

/// Shared objects in Redis servers: the caches "redis" and, over TLS, "rediss".
final class SocacheRedis: Module {
    struct ServerConf: Configuration {
        /// How long a server may take to answer, in microseconds.
        var answer: Int64 = 5_000_000
        /// How long an idle connection is kept.
        var idle: Int64 = 15_000_000
        var tls = TLSConf()
    }

    static let info = ModuleInfo(
        "socache_redis_module", version: "1.0", requires: [APUS_EXT_PROVIDERS, APUS_EXT_SERVER, APUS_EXT_TASKS])
    static let directives = [
        RemoteTimes.directive("RedisConnPoolTTL", "how long idle connections are kept: num[ms|s|min|h]", \ServerConf.idle),
        RemoteTimes.directive("RedisTimeout", "how long a server may take to answer: num[ms|s|min|h]", \ServerConf.answer),
        file("RedisTLSCACertificateFile", "the authorities that vouch for servers, PEM", \ServerConf.tls.authorities),
        file("RedisTLSCertificateFile", "the certificate that servers are shown, PEM", \ServerConf.tls.certificate),
        file("RedisTLSCertificateKeyFile", "its private key, PEM", \ServerConf.tls.key),
    ]

    init(_ host: Host) throws {
        let flags = APUS_SOCACHE_SHARED | APUS_SOCACHE_MAY_BLOCK | APUS_SOCACHE_SURVIVES_RESTART
        let language = RedisProtocol()
        for (name, isSecure) in [("redis", false), ("rediss", true)] as [(StaticString, Bool)] {
            try host.provideObjectStore(name, flags: flags) { _, argument in
                let servers = try RemoteAddress.list(argument, standardPort: language.standardPort, kind: name, knowsUsers: true)
                let channels = isSecure ? TLSChannels { host.mainServer.conf(ServerConf.self).pointee.tls } : nil
                return RemoteStore(host, language, servers, channels: channels) {
                    let conf = host.mainServer.conf(ServerConf.self).pointee
                    return RemoteTimes(answer: conf.answer, idle: conf.idle)
                }
            }
        }
    }

    private static func file(
        _ name: String, _ help: String, _ path: WritableKeyPath<ServerConf, String> & Sendable
    ) -> Directive {
        Directive(name, .one, in: .global, help: help) { command, arguments in
            let file = command.resolve(arguments[0]).string
            command.updateServer { (conf: inout ServerConf) in conf[keyPath: path] = file }
        }
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    SocacheRedis.descriptor(for: host, named: name)
}
