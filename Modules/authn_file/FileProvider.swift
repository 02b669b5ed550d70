import AuthKit
import Glibc
import ModuleKit

/// The provider "file".
final class FileProvider {
    private let host: Host
    private let checker: PasswordChecker
    private let cache: UserCache

    init(_ host: Host) throws {
        self.host = host
        checker = try PasswordChecker(host)
        cache = try UserCache(host, provider: "file")
    }

    static var table: apus_authn_v1 {
        apus_authn_v1(
            size: UInt32(MemoryLayout<apus_authn_v1>.size), flags: 0,
            check_password: { context, r, user, password, work in
                let provider = FileProvider.from(context)
                return provider.check(Request(r.unsafelyUnwrapped, host: provider.host.raw), user, password, work)
            },
            realm_hash: { context, r, user, realm, length, hash in
                let provider = FileProvider.from(context)
                let request = Request(r.unsafelyUnwrapped, host: provider.host.raw)
                return provider.realmHash(request, user, realm, Int(length), hash)
            })
    }

    private static func from(_ context: UnsafeMutableRawPointer?) -> FileProvider {
        Unmanaged<FileProvider>.fromOpaque(context.unsafelyUnwrapped).takeUnretainedValue()
    }

    private func check(
        _ request: Request, _ user: Bytes, _ password: Bytes, _ work: UnsafeMutablePointer<apus_work>?
    ) -> apus_status {
        guard let file = file(of: request) else { return APUS_E_FAIL }
        switch file.look(host.now) {
        case .content(let users):
            let stored = users.password(of: user)
            if let stored { cache.note(request, user: user, realm: .none, stored: stored) }
            return checker.check(
                request, source: file.path, user: user, password: password, stored: stored, decoy: users.decoy, work)
        case .unread:
            work?.pointee = apus_work(ReadAndCheck(self, file, user, password), host: host.raw)
            return APUS_AUTHN_LATER
        case .problem(let problem): return fail(request, file.path, problem)
        }
    }

    private func realmHash(
        _ request: Request, _ user: Bytes, _ realm: Bytes, _ digits: Int, _ hash: UnsafeMutablePointer<apus_str>?
    ) -> apus_status {
        guard let file = file(of: request) else { return APUS_E_FAIL }
        let users: UserTable
        switch file.look(host.now) {
        case .content(let content): users = content
        case .problem(let problem): return fail(request, file.path, problem)
        case .unread:
            let reading = file.read()
            file.install(reading)
            guard let content = reading.content else { return fail(request, file.path, reading.problem) }
            users = content
        }
        guard let found = users.realmHash(of: user, realm, digits: digits) else { return APUS_AUTHN_NOT_FOUND }
        cache.note(request, user: user, realm: realm, stored: found)
        hash?.pointee = request.pool.copy(found)
        return APUS_AUTHN_GRANTED
    }

    private func file(of request: Request) -> WatchedFile<UserTable>? {
        if let file = request.confPointer(AuthnFileConf.self).pointee.file { return file.takeUnretainedValue() }
        host.log.write(.error, code: "AH01619", request: request, "AuthUserFile is not set here")
        return nil
    }

    fileprivate func fail(_ request: Request, _ path: Bytes, _ problem: Int32) -> apus_status {
        host.log.write(
            .error, code: "AH01620", request: request,
            "cannot read the password file \(path.string): \(String(cString: strerror(problem)))")
        return APUS_E_FAIL
    }
}

/// Reads a large file on a pool thread and checks a password against it.
private final class ReadAndCheck: DeferredWork {
    private let provider: FileProvider
    private let file: WatchedFile<UserTable>
    private let user: [UInt8]
    private var password: [UInt8]
    private var reading: FileReading<UserTable>?

    init(_ provider: FileProvider, _ file: WatchedFile<UserTable>, _ user: Bytes, _ password: Bytes) {
        self.provider = provider
        self.file = file
        self.user = Array(user.buffer)
        self.password = Array(password.buffer)
    }

    deinit { for index in password.indices { password[index] = 0 } }

    func run() -> apus_status {
        let reading = file.read()
        self.reading = reading
        guard let users = reading.content else { return APUS_E_FAIL }
        return user.withUnsafeBytes { user in
            password.withUnsafeBytes { password in
                let stored = users.password(of: Bytes(user))
                let isRight = PasswordHash.verify(Bytes(password), stored ?? users.decoy)
                return PasswordCheck.answer(isKnown: stored != nil, isRight: isRight)
            }
        }
    }

    func finish(_ request: Request, _ answer: apus_status) {
        guard let reading else { return }
        file.install(reading)
        if reading.content == nil { _ = provider.fail(request, file.path, reading.problem) }
    }
}
