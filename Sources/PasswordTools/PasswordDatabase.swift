import ByteKit
import DbmKit
import Glibc

/// A database that is read whole and replaced in one step.
struct PasswordDatabase {
    private let path: String
    private let type: DbmType

    init(_ path: String, _ type: DbmType) {
        self.path = path
        self.type = type
    }

    /// Users and their values, in the order they were found or added.
    struct Entries {
        private(set) var all: [(user: String, value: [UInt8])] = []

        subscript(user: String) -> [UInt8]? {
            get { all.first { $0.user == user }?.value }
            set {
                let place = all.firstIndex { $0.user == user }
                switch (place, newValue) {
                case (let place?, let value?): all[place].value = value
                case (let place?, nil): all.remove(at: place)
                case (nil, let value?): all.append((user, value))
                case (nil, nil): break
                }
            }
        }

        mutating func append(_ user: String, _ value: [UInt8]) { all.append((user, value)) }
    }

    private func failure(_ problem: DbmProblem) -> Failure {
        Failure(ExitCode.file, "Error opening database \(path)\n\(problem.description)")
    }

    func read() throws -> Entries {
        do throws(DbmProblem) {
            var entries = Entries()
            let file = try openDbm(type, path)
            try file.forEach { key, value in
                entries.append(key.string, Array(value.buffer))
                return true
            }
            return entries
        } catch {
            throw failure(error)
        }
    }

    /// Writes a new database beside the old one and puts it in its place.
    func write(_ entries: Entries) throws {
        let beside = "\(path).\(getpid()).new"
        do throws(DbmProblem) {
            try fill(beside, entries)
        } catch {
            for name in names(beside) { unlink(name) }
            throw failure(error)
        }
        for (new, old) in zip(names(beside), names(path)) {
            keepRights(of: old, for: new)
            guard sync(new), rename(new, old) == 0 else {
                let reason = String(cString: strerror(errno))
                for name in names(beside) { unlink(name) }
                throw Failure(ExitCode.file, "cannot write the database \(path): \(reason)")
            }
        }
    }

    private func fill(_ path: String, _ entries: Entries) throws(DbmProblem) {
        if type == .sdbm {
            var image = SdbmImage()
            for (user, value) in entries.all { try image.add(Array(user.utf8), value) }
            return try image.write(path)
        }
        let file: any WritableDbmFile =
            type == .gdbm ? try GdbmFile(path, mode: .create) : try BerkeleyFile(path, mode: .create)
        for (user, value) in entries.all { try file.set(Array(user.utf8), value) }
    }

    private func names(_ path: String) -> [String] { type == .sdbm ? [path + ".dir", path + ".pag"] : [path] }

    private func keepRights(of old: String, for new: String) {
        var info = stat()
        guard stat(old, &info) == 0 else { return _ = chmod(new, 0o644) }
        chmod(new, info.st_mode & 0o7777)
        if geteuid() == 0 { _ = chown(new, info.st_uid, info.st_gid) }
    }

    private func sync(_ path: String) -> Bool {
        let descriptor = open(path, O_RDONLY)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return fsync(descriptor) == 0
    }
}
