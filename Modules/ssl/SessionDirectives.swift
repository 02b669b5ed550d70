import ModuleKit

/// Directives about sessions that can be gone on with.
let sessionDirectives = [
    Directive(
        "SSLSessionCache", .one, in: .global,
        help: "none, nonenotnull, or a shared cache such as shmcb:logs/ssl_scache(512000)"
    ) {
        let choice = try SessionCacheChoice($1[0], for: $0)
        $0.serverConfiguration(SSLServerConf.self).pointee.sessionCache?.close()
        $0.updateServer { (conf: inout SSLServerConf) in conf.sessionCache = choice }
    },
    Directive("SSLSessionCacheTimeout", .one, in: .server, help: "seconds that a session can be resumed") {
        guard let seconds = $1[0].decimal, (0...Int64(Int32.max)).contains(seconds) else {
            throw DirectiveError("\"\($1.string(0))\" is not a number of seconds, such as 300")
        }
        $0.updateServer { (conf: inout SSLServerConf) in conf.sessionTimeout = Int(seconds) }
    },
]
