import AuthKit
import Glibc
import ModuleKit

/// The users of the file that holds for a request.
final class FileUsers: UserStore {
    private let host: Host

    init(_ host: Host) { self.host = host }

    func look(_ request: Request, _ user: Bytes) -> UserLook {
        guard let file = file(of: request) else { return .failed }
        switch file.look(host.now) {
        case .current:
            return file.content.map { .found($0.find(user, source: file.identity)) } ?? .failed
        case .unread: return .unknown(FileFetch(self, file, user))
        case .problem(let problem):
            report(request, file.path, problem)
            return .failed
        }
    }

    func realmHash(_ request: Request, _ user: Bytes, _ realm: Bytes, digits: Int) -> RealmHashLook {
        guard let file = file(of: request) else { return .failed }
        switch file.look(host.now) {
        case .current: break
        case .unread: file.install(file.read())
        case .problem(let problem): report(request, file.path, problem)
        }
        guard let users = file.content else { return .failed }
        return users.realmHash(of: user, realm, digits: digits).map { .found($0) } ?? .unknownUser
    }

    private func file(of request: Request) -> WatchedFile<UserTable>? {
        if let file = request.confPointer(AuthnFileConf.self).pointee.file { return file.takeUnretainedValue() }
        host.log.write(.error, code: "AH01619", request: request, "AuthUserFile is not set here")
        return nil
    }

    fileprivate func report(_ request: Request, _ path: Bytes, _ problem: Int32) {
        host.log.write(
            .error, code: "AH01620", request: request, error: problem,
            "cannot read the password file \(path.string): \(String(cString: strerror(problem)))")
    }
}

/// Reads a large file and finds a user in it.
private final class FileFetch: UserFetch {
    private let users: FileUsers
    private let file: WatchedFile<UserTable>
    private let user: [UInt8]
    private var reading: FileReading<UserTable>?
    let source: [UInt8]

    init(_ users: FileUsers, _ file: WatchedFile<UserTable>, _ user: Bytes) {
        self.users = users
        self.file = file
        self.user = Array(user.buffer)
        source = Array(file.identity.buffer)
    }

    func run() -> (password: [UInt8]?, decoy: [UInt8])? {
        let reading = file.read()
        self.reading = reading
        guard let table = reading.content else { return nil }
        return user.withUnsafeBytes { user in
            let found = table.find(Bytes(user), source: .none)
            return (found.isKnown ? Array(found.password.buffer) : nil, Array(found.decoy.buffer))
        }
    }

    func finish(_ request: Request) {
        guard let reading else { return }
        file.install(reading)
        if reading.content == nil { users.report(request, file.path, reading.problem) }
    }
}
