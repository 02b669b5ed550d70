import AuthKit
import DbmAuth
import DbmKit
import Glibc
import ModuleKit

/// The provider "dbm": the key is the user, or "user:realm" for Digest; the value ends at its first colon.
final class DbmProvider {
    fileprivate let host: Host
    private let checker: PasswordChecker
    private let cache: UserCache
    private let sources = DbmSources()

    init(_ host: Host) throws {
        self.host = host
        checker = try PasswordChecker(host)
        cache = try UserCache(host, provider: "dbm")
    }

    static var table: apus_authn_v1 {
        apus_authn_v1(
            size: UInt32(MemoryLayout<apus_authn_v1>.size), flags: 0,
            check_password: { context, r, user, password, work in
                let provider = DbmProvider.from(context)
                return provider.check(Request(r.unsafelyUnwrapped, host: provider.host.raw), user, password, work)
            },
            realm_hash: { context, r, user, realm, length, hash in
                let provider = DbmProvider.from(context)
                let request = Request(r.unsafelyUnwrapped, host: provider.host.raw)
                return provider.realmHash(request, user, realm, Int(length), hash)
            })
    }

    private static func from(_ context: UnsafeMutableRawPointer?) -> DbmProvider {
        Unmanaged<DbmProvider>.fromOpaque(context.unsafelyUnwrapped).takeUnretainedValue()
    }

    private func check(
        _ request: Request, _ user: Bytes, _ password: Bytes, _ work: UnsafeMutablePointer<apus_work>?
    ) -> apus_status {
        guard let source = source(of: request) else { return APUS_E_FAIL }
        switch source.look(user, now: host.now) {
        case .value(let value):
            return withStored(value) { stored in
                if let stored { cache.note(request, user: user, realm: .none, stored: stored) }
                return source.decoy.withUnsafeBytes { decoy in
                    var name = source.path
                    return name.withUTF8 { path in
                        checker.check(
                            request, source: Bytes(UnsafeRawBufferPointer(path)), user: user, password: password,
                            stored: stored, decoy: Bytes(decoy), work)
                    }
                }
            }
        case .unknown:
            work?.pointee = apus_work(FetchAndCheck(self, source, user, password), host: host.raw)
            return APUS_AUTHN_LATER
        case .problem(let problem): return fail(request, source.path, problem)
        }
    }

    /// Digest asks at once: what is not known yet is fetched on the loop.
    private func realmHash(
        _ request: Request, _ user: Bytes, _ realm: Bytes, _ digits: Int, _ hash: UnsafeMutablePointer<apus_str>?
    ) -> apus_status {
        guard let source = source(of: request) else { return APUS_E_FAIL }
        let key = Array(user.buffer) + [0x3a] + Array(realm.buffer)
        let value: [UInt8]?
        switch key.withUnsafeBytes({ source.look(Bytes($0), now: host.now) }) {
        case .value(let known): value = known
        case .problem(let problem): return fail(request, source.path, problem)
        case .unknown:
            let fetch = source.fetch(key, waits: false)
            source.note(fetch, now: host.now)
            if let problem = fetch.problem { return fail(request, source.path, problem) }
            value = fetch.value
        }
        return withStored(value) { stored in
            guard let stored, stored.count == digits else { return APUS_AUTHN_NOT_FOUND }
            cache.note(request, user: user, realm: realm, stored: stored)
            hash?.pointee = request.pool.copy(stored)
            return APUS_AUTHN_GRANTED
        }
    }

    private func withStored<R>(_ value: [UInt8]?, _ body: (Bytes?) -> R) -> R {
        guard let value else { return body(nil) }
        return value.withUnsafeBytes { body(Bytes($0).split(at: 0x3a).0) }
    }

    private func source(of request: Request) -> DbmSource? {
        let conf = request.confPointer(AuthnDbmConf.self)
        guard conf.pointee.path.isSet else {
            host.log.write(.error, code: "APUS3104", request: request, "AuthDBMUserFile is not set here")
            return nil
        }
        return sources.source(conf.pointee.path, conf.pointee.type ?? .berkeley)
    }

    fileprivate func fail(_ request: Request, _ path: String, _ problem: String) -> apus_status {
        host.log.write(
            .error, code: "AH01754", request: request, "cannot read the database of users \(path): \(problem)")
        return APUS_E_FAIL
    }
}

/// Fetches an entry on a pool thread and checks a password against it.
private final class FetchAndCheck: DeferredWork {
    private let provider: DbmProvider
    private let source: DbmSource
    private let user: [UInt8]
    private let decoy: [UInt8]
    private var password: [UInt8]
    private var fetch: DbmSource.Fetch?

    init(_ provider: DbmProvider, _ source: DbmSource, _ user: Bytes, _ password: Bytes) {
        self.provider = provider
        self.source = source
        self.user = Array(user.buffer)
        self.password = Array(password.buffer)
        decoy = source.decoy
    }

    deinit { for index in password.indices { password[index] = 0 } }

    func run() -> apus_status {
        let fetch = source.fetch(user)
        self.fetch = fetch
        guard fetch.problem == nil else { return APUS_E_FAIL }
        let stored = fetch.value.map { Array($0.prefix { $0 != 0x3a }) }
        let isRight = password.withUnsafeBytes { password in
            (stored ?? decoy).withUnsafeBytes { PasswordHash.verify(Bytes(password), Bytes($0)) }
        }
        return PasswordCheck.answer(isKnown: stored != nil, isRight: isRight)
    }

    func finish(_ request: Request, _ answer: apus_status) {
        guard let fetch else { return }
        source.note(fetch, now: provider.host.now)
        if let problem = fetch.problem { _ = provider.fail(request, source.path, problem) }
    }
}
