import AuthKit
import ModuleKit

/// Stored passwords by context, user and realm.
///
/// A cache in another machine answers later. Nobody waits for it on the loop: for Basic a thread of the pool does; Digest, and
/// requests inside the server, get to know what has come so far, and the next provider is asked meanwhile. What came is kept
/// for a moment, so that the requests of one page are one question.
final class CachedUsers: UserStore {
    private let host: Host
    private let settings = AuthSettings()
    private(set) var cache: ObjectCache?
    /// What a cache that may take its time has said of late; empty: there is nothing.
    private var recent = LookupCache<[UInt8], [UInt8]>(life: 1_000_000)

    init(_ host: Host) { self.host = host }

    /// From the optional_fn_retrieve hook.
    func findSettings() { settings.find(host) }

    /// From open_config.
    func open(_ reason: UInt32) throws {
        let conf = host.mainServer.conf(CacheConf.self)
        guard conf.pointee.isEnabled || cacheUse.isWanted else { return }
        if conf.pointee.cache != nil { cacheUse.standard?.close() }
        guard let cache = conf.pointee.cache ?? cacheUse.standard else {
            return host.report(
                .error, code: "APUS3105", file: host.mainServer.definedIn, line: 0,
                "AuthnCacheProvideFor and AuthnCacheEnable need a cache: add AuthnCacheSOCache, such as AuthnCacheSOCache shmcb")
        }
        try cache.open(
            "authn-socache", idLength: 32, dataLength: 128, lifetime: CachedUsersConf.standardTimeout * 1_000_000,
            reason: reason)
        if reason != APUS_OPEN_CHECK { self.cache = cache }
    }

    func look(_ request: Request, _ user: Bytes) -> UserLook {
        switch find(request, user, .none) {
        case .known(let stored): .found(StoredUser(stored, decoy: .none, source: Bytes("socache")))
        case .asked(let question): request.isSubrequest ? .found(.nobody) : .unknown(question)
        }
    }

    func realmHash(_ request: Request, _ user: Bytes, _ realm: Bytes, digits: Int) -> RealmHashLook {
        guard case .known(let stored?) = find(request, user, realm), stored.count == digits else { return .unknownUser }
        return .found(stored)
    }

    private enum Finding {
        /// Nil: there is no such entry. In request memory.
        case known(Bytes?)
        /// The answer will come.
        case asked(CacheQuestion)
    }

    private func find(_ request: Request, _ user: Bytes, _ realm: Bytes) -> Finding {
        guard let cache, !request.confPointer(CachedUsersConf.self).pointee.providers.isEmpty else { return .known(nil) }
        // Nobody else is asked for the sake of an explanation.
        guard !request.isExplain || !cache.mayBlock else { return .known(nil) }
        return withID(request, user, realm) { id in
            if cache.mayBlock, let known = recent.finding(Array(id.buffer), now: host.now) {
                return .known(known.isEmpty ? nil : known.withUnsafeBytes { request.pool.copy(Bytes($0)) })
            }
            return ask(cache, id, request)
        }
    }

    private func ask(_ cache: ObjectCache, _ id: Bytes, _ request: Request) -> Finding {
        guard cache.mayBlock else {
            var stored = Bytes.none
            let status = cache.retrieve(id, in: request.pool, &stored, done: { _, _, _ in })
            return .known(status == .ok ? stored : nil)
        }
        let name = Array(id.buffer)
        let question = CacheQuestion(last: recent.last(name)) { [unowned self] stored in
            self.recent.note(name, stored, now: self.host.now)
        }
        var stored = Bytes.none
        switch question.ask(cache, id, request.pool, &stored) {
        case .ok: return .known(stored)
        case .suspended: return .asked(question)
        default: return .known(nil)
        }
    }

    /// Keeps what a provider has looked up.
    func store(_ request: Request, provider: Bytes, _ user: Bytes, _ realm: Bytes, _ stored: Bytes) {
        let conf = request.confPointer(CachedUsersConf.self)
        guard let cache, conf.pointee.providers.elements.contains(where: { $0 == provider }) else { return }
        let timeout = conf.pointee.timeout ?? CachedUsersConf.standardTimeout
        withID(request, user, realm) { id in
            cache.store(id, expires: host.now + timeout * 1_000_000, stored)
            if cache.mayBlock { recent.note(Array(id.buffer), Array(stored.buffer), now: host.now) }
        }
    }

    /// The name of an entry: a hash over all that it belongs to, each part with its length, so that no context, user and realm
    /// can be taken for others.
    private func withID<R>(_ request: Request, _ user: Bytes, _ realm: Bytes, _ body: (Bytes) -> R) -> R {
        let conf = request.confPointer(CachedUsersConf.self)
        var context = conf.pointee.context
        if !context.isSet || context.equalsIgnoringCase("directory") {
            context = directory(of: request)
        } else if context.equalsIgnoringCase("server") {
            context = request.server.name
        }
        let kind = realm.isSet ? Bytes("digest") : Bytes("basic")
        var hasher = BlockHasher<SHA256>()
        for part in [kind, context, settings.realm(of: request), realm, user] {
            var length = UInt64(part.count)
            withUnsafeBytes(of: &length) { hasher.update(Bytes($0)) }
            hasher.update(part)
        }
        return withUnsafeTemporaryAllocation(byteCount: SHA256.length, alignment: 8) { room in
            hasher.finish(into: room.baseAddress.unsafelyUnwrapped)
            return body(Bytes(UnsafeRawBufferPointer(room)))
        }
    }
}

/// The directory of the file that is asked for, or the path where there is none.
private func directory(of request: Request) -> Bytes {
    let name = request.filename.isSet ? request.filename : request.path
    guard request.fileType != APUS_FILE_DIRECTORY, let slash = name.lastIndex(of: UInt8(ascii: "/")) else { return name }
    return name.upTo(slash + 1)
}

/// What other providers call when they have found a user: provider, user, realm (none for Basic), stored password.
let storeUser: @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?, apus_str, apus_str, apus_str, apus_str) -> Void = {
    context, r, provider, user, realm, stored in
    let users = Unmanaged<CachedUsers>.fromOpaque(context.unsafelyUnwrapped).takeUnretainedValue()
    users.store(
        Request(r.unsafelyUnwrapped, host: users.hostHandle), provider: provider, user, realm, stored)
}

extension CachedUsers {
    fileprivate var hostHandle: UnsafePointer<apus_host> { host.raw }
}
