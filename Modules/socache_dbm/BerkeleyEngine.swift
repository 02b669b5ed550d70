import CBerkeleyDB
import Glibc
import ModuleKit

/// Berkeley DB, as a file of its own without an environment. It is opened for each use, with the lock of `SharedFile` held.
final class BerkeleyEngine: Engine {
    static let largestFile = 256 << 20
    static let sweepLimit = 500

    let longestData = BerkeleyEngine.largestFile / 16
    private let path: String
    private let shared: SharedFile
    /// Where the next sweep begins; empty: at the beginning.
    private var place: [UInt8] = []

    init(_ path: String, _ shared: SharedFile) {
        cdb_sync_never()
        self.path = path
        self.shared = shared
    }

    func store(_ id: Bytes, expires: Int64, _ data: Bytes) throws(EngineProblem) {
        if bytes > BerkeleyEngine.largestFile { try empty() }
        var content = [UInt8](repeating: 0, count: Entry.length(longID: 0, data: data.count))
        content.withUnsafeMutableBytes { Entry.write($0.baseAddress.unsafelyUnwrapped, expires: expires, longID: .none, data) }
        try use { (file) throws(EngineProblem) in
            var key = cdb_datum(id.ptr, id.count)
            let status = content.withUnsafeBytes { bytes in
                var value = cdb_datum(bytes.baseAddress, bytes.count)
                return cdb_put(file, &key, &value)
            }
            try BerkeleyEngine.check(status)
        }
    }

    private func empty() throws(EngineProblem) {
        try shared.alone { () throws(EngineProblem) in
            guard truncate(path, 0) == 0 else { throw EngineProblem.system(errno) }
        }
    }

    func retrieve(_ id: Bytes, now: Int64, _ found: (Bytes) -> Void) throws(EngineProblem) {
        try use(onlyReads: true) { (file) throws(EngineProblem) in
            var key = cdb_datum(id.ptr, id.count)
            var value = cdb_datum(nil, 0)
            let status = cdb_get(file, &key, &value)
            guard status != CDB_NOTFOUND else { return }
            try BerkeleyEngine.check(status)
            guard let entry = Entry.read(content(value)), entry.expires > now else { return }
            found(entry.data)
        }
    }

    func remove(_ id: Bytes) throws(EngineProblem) {
        try use { (file) throws(EngineProblem) in
            var key = cdb_datum(id.ptr, id.count)
            let status = cdb_del(file, &key)
            if status != CDB_NOTFOUND { try BerkeleyEngine.check(status) }
        }
    }

    func sweep(now: Int64) throws(EngineProblem) -> Int {
        var count = 0
        try use { (file) throws(EngineProblem) in
            self.place = try self.walk(file, from: self.place, atMost: BerkeleyEngine.sweepLimit) { cursor, entry in
                guard entry.map({ $0.expires <= now }) ?? true else { return }
                if cdb_delete_here(cursor) == 0 { count += 1 }
            }
        }
        return count
    }

    /// Visits entries in the order of their keys.
    /// - Returns: the key at which to go on; empty: it came to the end.
    private func walk(
        _ file: UnsafeMutablePointer<DB>, from start: [UInt8], atMost limit: Int,
        _ body: (UnsafeMutablePointer<DBC>, (expires: Int64, longID: Bytes, data: Bytes)?) -> Void
    ) throws(EngineProblem) -> [UInt8] {
        var made: UnsafeMutablePointer<DBC>?
        try BerkeleyEngine.check(cdb_cursor(file, &made))
        guard let cursor = made else { return [] }
        defer { cdb_cursor_close(cursor) }
        var value = cdb_datum(nil, 0)
        var key = cdb_datum(nil, 0)
        var status = start.isEmpty ? cdb_next(cursor, &key, &value) : start.withUnsafeBytes { bytes in
            key = cdb_datum(bytes.baseAddress, bytes.count)
            return cdb_from(cursor, &key, &value)
        }
        for _ in 0..<limit {
            if status == CDB_NOTFOUND { return [] }
            try BerkeleyEngine.check(status)
            body(cursor, Entry.read(content(value)))
            status = cdb_next(cursor, &key, &value)
        }
        return status == CDB_NOTFOUND ? [] : Array(content(key).buffer)
    }

    func settle() throws(EngineProblem) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw EngineProblem.system(errno) }
        defer { close(descriptor) }
        guard fdatasync(descriptor) == 0 else { throw EngineProblem.system(errno) }
    }

    func examine() throws(EngineProblem) {
        try shared.alone(examining: true) { () throws(EngineProblem) in
            if self.bytes > 0 { try BerkeleyEngine.check(cdb_verify(self.path)) }
        }
        try use(examining: true) { (file) throws(EngineProblem) in
            _ = try self.walk(file, from: [], atMost: 10_000_000) { _, _ in }
        }
    }

    var entries: Int {
        var count = 0
        try? use(onlyReads: true) { (file) throws(EngineProblem) in
            _ = try self.walk(file, from: [], atMost: 10_000_000) { _, _ in count += 1 }
        }
        return count
    }

    var bytes: Int {
        var info = stat()
        return stat(path, &info) == 0 ? Int(info.st_size) : 0
    }

    private func use(
        onlyReads: Bool = false, examining: Bool = false, _ body: (UnsafeMutablePointer<DB>) throws(EngineProblem) -> Void
    ) throws(EngineProblem) {
        try shared.alone(examining: examining) { () throws(EngineProblem) in
            var made: UnsafeMutablePointer<DB>?
            try BerkeleyEngine.check(cdb_open(&made, path, onlyReads ? 1 : 0))
            guard let file = made else { return }
            do throws(EngineProblem) {
                try body(file)
            } catch {
                _ = cdb_close(file)
                throw error
            }
            try BerkeleyEngine.check(cdb_close(file))
        }
    }

    /// What the system refused is no damage; all else is. EINVAL is what a file of another kind is answered with.
    private static func check(_ status: Int32) throws(EngineProblem) {
        guard status != 0 else { return }
        guard status > 0, status != EINVAL else {
            throw EngineProblem(isDamage: true, code: status, text: String(cString: db_strerror(status)))
        }
        throw EngineProblem.system(status)
    }
}

private func content(_ datum: DBT) -> Bytes { Bytes(UnsafeRawBufferPointer(start: datum.data, count: Int(datum.size))) }
