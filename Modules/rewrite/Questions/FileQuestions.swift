import Glibc
import ModuleKit

extension Run {
    /// What a test says of a file.
    func holds(_ test: Condition.FileTest, _ path: Bytes) throws -> Bool {
        guard module.slowPaths.contain(path) else { return test.holds(for: pool.copy(path)) }
        let name = Bytes(test.letter)
        return try ask(Subject(kind: .fileTest, name: name, key: path)) { FileQuestion($0, test) }.isSet
    }

    /// Whether there is anything at a path.
    func exists(_ path: Bytes) throws -> Bool { try holds(.exists, path) }

    /// Whose a file is, or of which group.
    func owner(of path: Bytes, isGroup: Bool) throws -> Bytes {
        let subject = Subject(kind: isGroup ? .groupOfFile : .userOfFile, name: .none, key: path)
        return try ask(subject) { OwnerQuestion($0, isGroup: isGroup) }
    }

    /// "/~user" at the beginning of a path: the user's home.
    func expandingHome(_ path: Bytes) throws -> Bytes {
        guard path.hasPrefix("/~") else { return path }
        let end = path.firstIndex(of: UInt8(ascii: "/"), from: 2) ?? path.count
        let name = path[2..<end]
        guard !name.isEmpty, !name.contains(0) else { return path }
        var home = try ask(Subject(kind: .home, name: .none, key: name)) { HomeQuestion($0) }
        guard home.isSet else { return path }
        if end < path.count, home.hasSuffix("/") { home = home.upTo(home.count - 1) }
        return pool.join(home, path.from(end))
    }
}

/// A path, or a name, that a system call takes.
private final class Terminated: Sendable {
    private let text: [UInt8]

    init(_ bytes: Bytes) { text = Array(bytes.buffer) + [0] }

    func with<R>(_ body: (Bytes) -> R) -> R { text.withUnsafeBytes { body(Bytes($0).upTo(text.count - 1)) } }
}

private final class FileQuestion: Question, @unchecked Sendable {
    private let path: Terminated
    private let test: Condition.FileTest
    private var holds = false

    init(_ subject: Subject, _ test: Condition.FileTest) {
        path = Terminated(subject.key)
        self.test = test
        super.init(subject)
    }

    override func ask() { holds = path.with { test.holds(for: $0) } }
    override func answer(for run: Run) -> Bytes { holds ? Bytes("1") : .none }
}

private final class OwnerQuestion: Question, @unchecked Sendable {
    private let path: Terminated
    private let isGroup: Bool
    private var name: String?

    init(_ subject: Subject, isGroup: Bool) {
        path = Terminated(subject.key)
        self.isGroup = isGroup
        super.init(subject)
    }

    override func ask() { name = path.with { FileOwner.name(of: $0, isGroup: isGroup) } }
    override func answer(for run: Run) -> Bytes { name.map { run.pool.copy($0) } ?? FileOwner.unknown }
}

private final class HomeQuestion: Question, @unchecked Sendable {
    private let name: Terminated
    private var directory: String?

    override init(_ subject: Subject) {
        name = Terminated(subject.key)
        super.init(subject)
    }

    override func ask() { directory = name.with { $0.ptr.flatMap { Accounts.home(of: $0) } } }
    override func answer(for run: Run) -> Bytes { directory.map { run.pool.copy($0) } ?? .none }
}

/// Whose a file is. [any thread]
enum FileOwner {
    static var unknown: Bytes { Bytes("<unknown>") }

    /// - Parameter path: ends in a NUL byte.
    static func name(of path: Bytes, isGroup: Bool) -> String? {
        var info = stat()
        guard let text = path.ptr, stat(text, &info) == 0 else { return nil }
        return isGroup ? Accounts.name(ofGroup: info.st_gid) : Accounts.name(ofUser: info.st_uid)
    }
}

/// The system's users and groups. [any thread]
private enum Accounts {
    static func name(ofUser id: uid_t) -> String? {
        var entry = passwd()
        return look { room, size in
            var found: UnsafeMutablePointer<passwd>?
            return getpwuid_r(id, &entry, room, size, &found) == 0 && found != nil ? String(cString: entry.pw_name) : nil
        }
    }

    static func name(ofGroup id: gid_t) -> String? {
        var entry = group()
        return look { room, size in
            var found: UnsafeMutablePointer<group>?
            return getgrgid_r(id, &entry, room, size, &found) == 0 && found != nil ? String(cString: entry.gr_name) : nil
        }
    }

    static func home(of user: UnsafePointer<CChar>) -> String? {
        var entry = passwd()
        return look { room, size in
            var found: UnsafeMutablePointer<passwd>?
            return getpwnam_r(user, &entry, room, size, &found) == 0 && found != nil ? String(cString: entry.pw_dir) : nil
        }
    }

    private static func look(_ body: (UnsafeMutablePointer<CChar>, Int) -> String?) -> String? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 16 << 10) { body($0.baseAddress.unsafelyUnwrapped, $0.count) }
    }
}
