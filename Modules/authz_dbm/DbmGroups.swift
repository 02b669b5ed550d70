import AuthKit
import DbmAuth
import ModuleKit

/// Decides by the groups that a database has for the user.
final class DbmGroups {
    private let host: Host
    private let sources = DbmSources()

    init(_ host: Host) { self.host = host }

    /// Granted when one of the user's groups is wanted.
    func decide(_ request: Request, _ isWanted: (Bytes) -> Bool) -> Decision {
        guard let source = source(of: request) else { return .denied }
        let user = request.user
        switch source.look(user, now: host.now) {
        case .unknown: return .later
        case .problem(let problem):
            report(request, "AH01755", "cannot read the database of groups \(source.path): \(problem)")
            return .failed
        case .value(nil):
            report(request, "AH01756", "access to \(request.path.string) failed, reason: user '\(user.string)' has no groups")
            return .denied
        case .value(let value?):
            if value.withUnsafeBytes({ DbmGroups.contains(Bytes($0), isWanted) }) { return .granted }
            report(
                request, "AH01757",
                "access to \(request.path.string) failed, reason: user '\(user.string)' is in none of the groups that are required")
            return .denied
        }
    }

    /// "group,group", or "password:group,group:anything".
    private static func contains(_ value: Bytes, _ isWanted: (Bytes) -> Bool) -> Bool {
        var list = value
        if value.contains(0x3a) { list = value.split(at: 0x3a).1.split(at: 0x3a).0 }
        while !list.isEmpty {
            let (group, rest) = list.split(at: 0x2c)
            if isWanted(group) { return true }
            list = rest
        }
        return false
    }

    func fetching(for request: Request) -> any DeferredWork { GroupFetch(host, source(of: request), request.user) }

    private func source(of request: Request) -> DbmSource? {
        sources.source(request.confPointer(DbmFileConf.self).pointee)
    }

    private func report(_ request: Request, _ code: StaticString, _ message: @autoclosure () -> String) {
        host.log.write(.error, code: code, request: request, message())
    }
}

/// Fetches the groups of a user on a pool thread.
private final class GroupFetch: DeferredWork {
    private let host: Host
    private let source: DbmSource?
    private let user: [UInt8]
    private var fetch: DbmSource.Fetch?

    init(_ host: Host, _ source: DbmSource?, _ user: Bytes) {
        self.host = host
        self.source = source
        self.user = Array(user.buffer)
    }

    func run() -> apus_status {
        fetch = source?.fetch(user)
        return APUS_OK
    }

    func finish(_ request: Request, _ answer: apus_status) {
        if let fetch { source?.note(fetch, now: host.now) }
    }
}
