import AuthKit
import DbmAuth
import DbmKit
import ModuleKit

/// The users of the database that holds for a request: the key is the user, or "user:realm" for Digest; the value ends at its
/// first colon.
final class DbmUsers: UserStore {
    private let host: Host
    private let sources = DbmSources()

    init(_ host: Host) { self.host = host }

    func look(_ request: Request, _ user: Bytes) -> UserLook {
        guard let source = source(of: request) else { return .failed }
        switch source.look(user, now: host.now) {
        case .value(let value):
            return .found(
                StoredUser(
                    value.map { DbmUsers.copy(DbmUsers.password(in: $0), request) },
                    decoy: DbmUsers.copy(source.decoy[...], request), source: DbmUsers.copy(source.name[...], request)))
        case .unknown: return .unknown(DbmFetch(self, source, user))
        case .problem(let problem):
            report(request, source, problem)
            return .failed
        }
    }

    /// What is not known yet is fetched on the loop.
    func realmHash(_ request: Request, _ user: Bytes, _ realm: Bytes, digits: Int) -> RealmHashLook {
        guard let source = source(of: request) else { return .failed }
        let key = Array(user.buffer) + [0x3a] + Array(realm.buffer)
        var look = key.withUnsafeBytes { source.look(Bytes($0), now: host.now) }
        if case .unknown = look {
            let fetch = source.fetch(key, waits: false)
            source.note(fetch, now: host.now)
            look = fetch.problem.map { .problem($0) } ?? .value(fetch.value)
        }
        switch look {
        case .value(let value):
            guard let stored = value.map(DbmUsers.password), stored.count == digits else { return .unknownUser }
            return .found(DbmUsers.copy(stored, request))
        case .problem(let problem): report(request, source, problem)
        case .unknown: break
        }
        return .failed
    }

    fileprivate static func password(in value: [UInt8]) -> ArraySlice<UInt8> { value.prefix { $0 != 0x3a } }

    private static func copy(_ bytes: ArraySlice<UInt8>, _ request: Request) -> Bytes {
        bytes.withUnsafeBytes { request.pool.copy(Bytes($0)) }
    }

    private func source(of request: Request) -> DbmSource? {
        if let source = sources.source(request.confPointer(DbmFileConf.self).pointee) { return source }
        host.log.write(.error, code: "APUS3104", request: request, "AuthDBMUserFile is not set here")
        return nil
    }

    fileprivate func report(_ request: Request, _ source: DbmSource, _ problem: String) {
        host.log.write(
            .error, code: "AH01754", request: request, "cannot read the database of users \(source.path): \(problem)")
    }

    fileprivate func note(_ fetch: DbmSource.Fetch, in source: DbmSource) { source.note(fetch, now: host.now) }
}

/// Fetches the entry of a user.
private final class DbmFetch: UserFetch {
    private let users: DbmUsers
    private let database: DbmSource
    private let user: [UInt8]
    private let decoy: [UInt8]
    private var fetch: DbmSource.Fetch?

    init(_ users: DbmUsers, _ database: DbmSource, _ user: Bytes) {
        self.users = users
        self.database = database
        self.user = Array(user.buffer)
        decoy = database.decoy
    }

    var source: [UInt8] { database.name }

    func run() -> (password: [UInt8]?, decoy: [UInt8])? {
        let fetch = database.fetch(user)
        self.fetch = fetch
        guard fetch.problem == nil else { return nil }
        return (fetch.value.map { Array(DbmUsers.password(in: $0)) }, decoy)
    }

    func finish(_ request: Request) {
        guard let fetch else { return }
        users.note(fetch, in: database)
        if let problem = fetch.problem { users.report(request, database, problem) }
    }
}
