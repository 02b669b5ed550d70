import ByteKit
import ModuleABI
public import ModuleKit
import PasswordKit

/// A provider of group authn/1: checks passwords against those of a store, at once where it is cheap, else on a pool thread.
public final class UserProvider {
    private let host: Host
    private let store: any UserStore
    fileprivate let checker: PasswordChecker
    private let cache: UserCache?

    /// Offers it. From the module's `init`.
    /// - Parameter isCached: whether the shared cache of users is told what was looked up.
    public init(_ host: Host, _ name: StaticString, _ store: any UserStore, isCached: Bool = true) throws {
        self.host = host
        self.store = store
        checker = try PasswordChecker(host)
        cache = isCached ? try UserCache(host, provider: name) : nil
        let table = apus_authn_v1(
            size: UInt32(MemoryLayout<apus_authn_v1>.size), flags: 0,
            check_password: { context, r, user, password, work in
                let provider = UserProvider.from(context)
                return provider.check(Request(r.unsafelyUnwrapped, host: provider.host.raw), user, password, work)
            },
            realm_hash: { context, r, user, realm, algorithm, hash in
                let provider = UserProvider.from(context)
                let request = Request(r.unsafelyUnwrapped, host: provider.host.raw)
                guard let digits = UserProvider.digits(algorithm) else { return APUS_AUTHN_NOT_FOUND }
                return provider.realmHash(request, user, realm, digits, hash)
            })
        try host.provide(APUS_GROUP_AUTHN, name, table, context: self)
    }

    /// How long the hashes of an algorithm are; nil: there are none of it.
    private static func digits(_ algorithm: UInt32) -> Int? {
        switch algorithm {
        case APUS_AUTHN_MD5: 32
        case APUS_AUTHN_SHA256: 64
        default: nil
        }
    }

    private static func from(_ context: UnsafeMutableRawPointer?) -> UserProvider {
        Unmanaged<UserProvider>.fromOpaque(context.unsafelyUnwrapped).takeUnretainedValue()
    }

    private func check(
        _ request: Request, _ user: Bytes, _ password: Bytes, _ work: UnsafeMutablePointer<apus_work>?
    ) -> apus_status {
        switch store.look(request, user) {
        case .found(let found):
            cache?.note(request, user: user, found)
            return checker.check(request, found, user: user, password: password, work)
        case .unknown(let fetch):
            work?.hand(out: FetchAndCheck(checker, request, fetch, user, password), host: host.raw)
            return APUS_AUTHN_LATER
        case .failed: return APUS_E_FAIL
        }
    }

    private func realmHash(
        _ request: Request, _ user: Bytes, _ realm: Bytes, _ digits: Int, _ hash: UnsafeMutablePointer<apus_str>?
    ) -> apus_status {
        switch store.realmHash(request, user, realm, digits: digits) {
        case .found(let stored):
            cache?.note(request, user: user, realm: realm, stored: stored)
            hash?.pointee = request.pool.copy(stored)
            return APUS_AUTHN_GRANTED
        case .unknownUser: return APUS_AUTHN_NOT_FOUND
        case .failed: return APUS_E_FAIL
        }
    }
}

/// Finds out about a user on a pool thread, and checks the password there.
private final class FetchAndCheck: DeferredWork {
    private let checker: PasswordChecker
    private let fetch: any UserFetch
    private let trial: PasswordTrial
    /// The stored password that this one is known to be right for.
    private let proven: [UInt8]?
    private var stored: [UInt8]?

    init(_ checker: PasswordChecker, _ request: Request, _ fetch: any UserFetch, _ user: Bytes, _ password: Bytes) {
        self.checker = checker
        self.fetch = fetch
        let trial = PasswordTrial(source: fetch.source, user: user, password: password)
        self.trial = trial
        proven = fetch.last.flatMap { checker.isProven(request, trial, $0) ? $0 : nil }
    }

    func run() -> apus_status {
        guard let found = fetch.run() else { return APUS_E_FAIL }
        stored = found.password
        if stored != nil, stored == proven { return APUS_AUTHN_GRANTED }
        return trial.verdict(stored: stored, decoy: found.decoy)
    }

    func finish(_ request: Request, _ answer: apus_status) {
        fetch.finish(request)
        if let stored { checker.note(request, trial, stored, answer) }
    }
}
