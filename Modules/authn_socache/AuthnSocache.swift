import AuthKit
import ModuleKit

/// The provider "socache": stored passwords that other providers have looked up, kept in a shared object cache.
final class AuthnSocache: Module {
    typealias DirConf = CachedUsersConf
    typealias ServerConf = CacheConf

    static let info = ModuleInfo(
        "authn_socache_module", version: "1.0", requires: [APUS_EXT_PROVIDERS, APUS_EXT_FUNCTIONS])
    static let directives = cacheDirectives

    init(_ host: Host) throws {
        let users = CachedUsers(host)
        try host.hooks.optionalFunctions { users.findSettings() }
        try host.hooks.openConfig { reason, _ in try users.open(reason) }
        _ = try UserProvider(host, "socache", users, isCached: false)
        try host.provideStatus("AuthnCacheStatus", of: { users.cache })
        try host.publish(
            "authn_socache.store", "v(xRssss)", unsafeBitCast(storeUser, to: apus_fn.self), context: users)
    }
}

/// The cache, which all servers share.
struct CacheConf: Configuration {
    var cache: ObjectCache?
    var isEnabled = false
}

/// What is kept for a directory.
struct CachedUsersConf: Configuration, BitwiseCopyable {
    /// Providers whose users are kept.
    var providers = PoolArray<Bytes>()
    /// Seconds; nil: not said here.
    var timeout: Int64?
    /// What a user's name is told apart by from the same name elsewhere.
    var context = Bytes.none

    static let standardTimeout: Int64 = 300

    func merged(
        over base: CachedUsersConf, settings: [(inout CachedUsersConf) -> Void], in pool: Pool
    ) -> CachedUsersConf {
        var merged = self
        if providers.isEmpty { merged.providers = base.providers }
        if timeout == nil { merged.timeout = base.timeout }
        if !context.isSet { merged.context = base.context }
        return merged
    }
}

private let inSections: Scopes = [.directory, .location, .files, .htaccess]

let cacheDirectives: [Directive] = [
    Directive("AuthnCacheSOCache", .one, in: .global, help: "provider[:arguments]") { command, words in
        let cache = try ObjectCache(words[0], for: command)
        command.updateServer { (conf: inout CacheConf) in
            conf.cache = cache
            conf.isEnabled = true
        }
    },
    Directive("AuthnCacheEnable", .none, in: .global, help: "no argument") { command, _ in
        command.updateServer { (conf: inout CacheConf) in conf.isEnabled = true }
        cacheUse.note(command)
    },
    Directive("AuthnCacheTimeout", .one, in: inSections, override: .auth, help: "seconds") {
        let seconds = try Int(word: $1[0])
        guard seconds > 0, seconds <= 86_400 * 365 else { throw DirectiveError("\(seconds) is not between 1 and a year") }
        $0.configuration(CachedUsersConf.self).pointee.timeout = Int64(seconds)
    },
    Directive("AuthnCacheProvideFor", .each, in: inSections, override: .auth, help: "provider [provider] …") {
        let conf = $0.configuration(CachedUsersConf.self)
        conf.pointee.providers.append($0.pool.copy($1[0]), in: $0.pool)
        cacheUse.note($0)
    },
    Directive("AuthnCacheContext", .one, in: .sections, help: "directory, server, or a word of its own") {
        $0.configuration(CachedUsersConf.self).pointee.context = $0.pool.copy($1[0])
    },
]

/// Whether some directive wants the cache; touched while the configuration is read only.
final class CacheUse {
    private(set) var isWanted = false
    /// The cache where no directive names one: of the provider that has the name "default", if there is one.
    private(set) var standard: ObjectCache?

    func note(_ command: Command) {
        guard command.scopeKind != APUS_SCOPE_HTACCESS else { return }
        isWanted = true
        if standard == nil { standard = try? ObjectCache(Bytes("default"), for: command) }
    }
}

nonisolated(unsafe) let cacheUse = CacheUse()

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    AuthnSocache.descriptor(for: host, named: name)
}
