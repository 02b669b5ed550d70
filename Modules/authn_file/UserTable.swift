import AuthKit
import ModuleKit

/// The users of a file: each with what follows the first colon of its line.
final class UserTable {
    private let lines: PairTable
    /// What stands behind the name of the user whose stored password is the dearest to check: what unknown users are measured
    /// with.
    private let decoy, decoyPassword: Bytes

    init(_ lines: PairTable) {
        self.lines = lines
        var dearest = Bytes("")
        var cost = 0.0
        lines.forEach { rest in
            let stored = rest.split(at: 0x3a).0
            let own = PasswordCost(of: stored).microseconds
            guard own > cost, !stored.isEmpty, PasswordHash.problem(stored) == nil else { return }
            (dearest, cost) = (rest, own)
        }
        decoy = dearest
        decoyPassword = dearest.split(at: 0x3a).0
    }

    /// The stored password of a user: the first, when there are several.
    func find(_ user: Bytes, source: Bytes) -> StoredUser {
        let (isKnown, line) = lines.first(user, or: decoy)
        let password = line.split(at: 0x3a).0
        return StoredUser(
            isKnown: isKnown, password: password, decoy: decoyPassword, source: source)
    }

    /// The stored hash of "user:realm:password" with so many digits.
    func realmHash(of user: Bytes, _ realm: Bytes, digits: Int) -> Bytes? {
        let line = lines.first(user) {
            let (ownRealm, rest) = $0.split(at: 0x3a)
            return ownRealm == realm && rest.split(at: 0x3a).0.count == digits
        }
        return line.map { $0.split(at: 0x3a).1.split(at: 0x3a).0 }
    }

    /// Bytes of the longest line that is read; httpd's limit, too.
    static let longestLine = 8192

    /// [any thread]
    static func read(_ path: Bytes) -> FileReading<UserTable> {
        var faults = LineFile.Faults()
        var builder = PairTable.Builder()
        let problem = LineFile.read(path, longest: longestLine, &faults) { line in
            let (user, rest) = line.split(at: 0x3a)
            return builder.add(user, rest)
        }
        let content = problem == 0 ? UserTable(PairTable(builder)) : nil
        return FileReading(problem: problem, content: content, faults: faults)
    }
}

/// Touched while the configuration is read, and by .htaccess files on the loop.
nonisolated(unsafe) let userFiles = WatchedFiles<UserTable>(
    longestLine: UserTable.longestLine, code: "APUS3101", parse: UserTable.read)
