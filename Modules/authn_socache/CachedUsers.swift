import AuthKit
import ModuleKit

/// Stored passwords by context, user and realm.
final class CachedUsers {
    private let host: Host
    private let checker: PasswordChecker
    private let settings = AuthSettings()
    private(set) var cache: ObjectCache?

    init(_ host: Host, _ checker: PasswordChecker) {
        self.host = host
        self.checker = checker
    }

    /// From the optional_fn_retrieve hook.
    func findSettings() { settings.find(host) }

    /// From open_config.
    func open(_ reason: UInt32) throws {
        let conf = host.mainServer.conf(CacheConf.self)
        guard conf.pointee.isEnabled || cacheUse.isWanted else { return }
        guard let cache = conf.pointee.cache else {
            return host.report(
                .error, code: "APUS3105", file: host.mainServer.definedIn, line: 0,
                "AuthnCacheProvideFor and AuthnCacheEnable need a cache: add AuthnCacheSOCache, such as AuthnCacheSOCache shmcb")
        }
        try cache.open(
            "authn-socache", idLength: 32, dataLength: 128, lifetime: CachedUsersConf.standardTimeout * 1_000_000,
            reason: reason)
        if reason != APUS_OPEN_CHECK { self.cache = cache }
    }

    static var table: apus_authn_v1 {
        apus_authn_v1(
            size: UInt32(MemoryLayout<apus_authn_v1>.size), flags: 0,
            check_password: { context, r, user, password, work in
                let users = CachedUsers.from(context)
                return users.check(Request(r.unsafelyUnwrapped, host: users.host.raw), user, password, work)
            },
            realm_hash: { context, r, user, realm, length, hash in
                let users = CachedUsers.from(context)
                let request = Request(r.unsafelyUnwrapped, host: users.host.raw)
                guard let stored = users.find(request, user, realm), stored.count == Int(length) else {
                    return APUS_AUTHN_NOT_FOUND
                }
                hash?.pointee = stored
                return APUS_AUTHN_GRANTED
            })
    }

    fileprivate static func from(_ context: UnsafeMutableRawPointer?) -> CachedUsers {
        Unmanaged<CachedUsers>.fromOpaque(context.unsafelyUnwrapped).takeUnretainedValue()
    }

    private func check(
        _ request: Request, _ user: Bytes, _ password: Bytes, _ work: UnsafeMutablePointer<apus_work>?
    ) -> apus_status {
        guard let stored = find(request, user, .none) else { return APUS_AUTHN_NOT_FOUND }
        return checker.check(
            request, source: Bytes("socache"), user: user, password: password, stored: stored, decoy: .none, work)
    }

    private func find(_ request: Request, _ user: Bytes, _ realm: Bytes) -> Bytes? {
        let conf = request.confPointer(CachedUsersConf.self)
        guard let cache, !conf.pointee.providers.isEmpty else { return nil }
        var stored = Bytes.none
        let status = withID(request, user, realm) { id in
            cache.retrieve(id, in: request.pool, &stored, done: { _, _, _ in })
        }
        return status == .ok ? stored : nil
    }

    /// Keeps what a provider has looked up.
    func store(_ request: Request, provider: Bytes, _ user: Bytes, _ realm: Bytes, _ stored: Bytes) {
        let conf = request.confPointer(CachedUsersConf.self)
        guard let cache, conf.pointee.providers.elements.contains(where: { $0 == provider }) else { return }
        let timeout = conf.pointee.timeout ?? CachedUsersConf.standardTimeout
        withID(request, user, realm) { id in
            _ = cache.store(id, expires: host.now + timeout * 1_000_000, stored)
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
    let users = CachedUsers.from(context)
    users.store(
        Request(r.unsafelyUnwrapped, host: users.hostHandle), provider: provider, user, realm, stored)
}

extension CachedUsers {
    fileprivate var hostHandle: UnsafePointer<apus_host> { host.raw }
}
