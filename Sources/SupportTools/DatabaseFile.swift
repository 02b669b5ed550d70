import ByteKit
import DbmKit
import Glibc

/// A database that is read whole and replaced in one step, so that it is never half written.
struct DatabaseFile {
    typealias Pair = (key: [UInt8], value: [UInt8])

    let path: String
    let type: DbmType

    func read() throws(DbmProblem) -> [Pair] {
        var pairs: [Pair] = []
        try openDbm(type, path).forEach { key, value in
            pairs.append((Array(key.buffer), Array(value.buffer)))
            return true
        }
        return pairs
    }

    /// Whether there is one.
    var exists: Bool { access(names(path)[0], F_OK) == 0 }

    /// Writes a new database beside the old one and puts it in its place.
    func replace(with pairs: [Pair]) throws(DbmProblem) {
        let beside = "\(path).\(getpid()).new"
        do throws(DbmProblem) {
            try fill(beside, pairs)
            for (new, old) in zip(names(beside), names(path)) {
                keepRights(of: old, for: new)
                guard sync(new), rename(new, old) == 0 else { throw DbmProblem(description: String(cString: strerror(errno))) }
            }
        } catch {
            for name in names(beside) { unlink(name) }
            throw error
        }
    }

    private func fill(_ path: String, _ pairs: [Pair]) throws(DbmProblem) {
        if type == .sdbm {
            var image = SdbmImage()
            for (key, value) in pairs { try image.add(key, value) }
            return try image.write(path)
        }
        let file: any WritableDbmFile =
            type == .gdbm ? try GdbmFile(path, mode: .create) : try BerkeleyFile(path, mode: .create)
        for (key, value) in pairs { try file.set(key, value) }
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
