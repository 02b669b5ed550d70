import CGDBM
import Glibc
import ModuleKit

/// GDBM. It keeps parts of a file in memory and knows nothing of other processes, so that it is opened for each use, with the
/// lock of `SharedFile` held; and it brings the file to disk each time, which takes its time.
final class GnuEngine: Engine {
    static let largestFile = 256 << 20
    static let sweepLimit = 500

    let longestData = GnuEngine.largestFile / 16
    private let path: String
    private let shared: SharedFile
    /// Where the next sweep begins; empty: at the beginning.
    private var place: [UInt8] = []

    init(_ path: String, _ shared: SharedFile) {
        self.path = path
        self.shared = shared
    }

    func store(_ id: Bytes, expires: Int64, _ data: Bytes) throws(EngineProblem) {
        var value = [UInt8](repeating: 0, count: Entry.length(longID: 0, data: data.count))
        value.withUnsafeMutableBytes { Entry.write($0.baseAddress.unsafelyUnwrapped, expires: expires, longID: .none, data) }
        let isFull = fileSize > GnuEngine.largestFile
        try use(isFull ? GDBM_NEWDB : GDBM_WRCREAT) { (file) throws(EngineProblem) in
            let status = value.withUnsafeBytes { gdbm_store(file, borrowed(id), borrowed(Bytes($0)), GDBM_REPLACE) }
            guard status == 0 else { throw GnuEngine.problem(file) }
        }
    }

    func retrieve(_ id: Bytes, now: Int64, _ found: (Bytes) -> Void) throws(EngineProblem) {
        try use(GDBM_READER) { (file) throws(EngineProblem) in
            guard let value = try self.fetch(file, borrowed(id)) else { return }
            defer { free(value.dptr) }
            guard let entry = Entry.read(content(value)), entry.expires > now else { return }
            found(entry.data)
        }
    }

    func remove(_ id: Bytes) throws(EngineProblem) {
        try use(GDBM_WRCREAT) { (file) throws(EngineProblem) in
            guard gdbm_delete(file, borrowed(id)) == 0 || GnuEngine.isAbsence else { throw GnuEngine.problem(file) }
        }
    }

    func sweep(now: Int64) throws(EngineProblem) -> Int {
        var expired: [[UInt8]] = []
        try use(GDBM_READER) { (file) throws(EngineProblem) in expired = try self.findExpired(file, now) }
        guard !expired.isEmpty else { return 0 }
        try use(GDBM_WRCREAT) { (file) throws(EngineProblem) in
            for key in expired { _ = key.withUnsafeBytes { gdbm_delete(file, borrowed(Bytes($0))) } }
        }
        return expired.count
    }

    /// Those among the next entries that have expired.
    private func findExpired(_ file: OpaquePointer, _ now: Int64) throws(EngineProblem) -> [[UInt8]] {
        var expired: [[UInt8]] = []
        var key = place.isEmpty ? gdbm_firstkey(file) : place.withUnsafeBytes { gdbm_nextkey(file, borrowed(Bytes($0))) }
        var left = GnuEngine.sweepLimit
        while key.dptr != nil, left > 0 {
            left -= 1
            if let value = try fetch(file, key) {
                if Entry.read(content(value)).map({ $0.expires <= now }) ?? true { expired.append(Array(content(key).buffer)) }
                free(value.dptr)
            }
            let next = gdbm_nextkey(file, key)
            place = Array(content(key).buffer)
            free(key.dptr)
            key = next
        }
        if key.dptr == nil { place = [] } else { free(key.dptr) }
        return expired
    }

    func settle() throws(EngineProblem) {}

    func examine() throws(EngineProblem) {
        try use(GDBM_WRCREAT, examining: true) { (file) throws(EngineProblem) in
            var key = gdbm_firstkey(file)
            var left = 10_000_000
            while key.dptr != nil, left > 0 {
                left -= 1
                if let value = try self.fetch(file, key) { free(value.dptr) }
                let next = gdbm_nextkey(file, key)
                free(key.dptr)
                key = next
            }
            guard GnuEngine.isAbsence, left > 0 else { throw GnuEngine.problem(file) }
        }
    }

    var entries: Int {
        var count: gdbm_count_t = 0
        try? use(GDBM_READER) { (file) throws(EngineProblem) in _ = gdbm_count(file, &count) }
        return Int(clamping: count)
    }

    var bytes: Int { fileSize }

    private var fileSize: Int {
        var info = stat()
        return stat(path, &info) == 0 ? Int(info.st_size) : 0
    }

    private func use(
        _ mode: Int32, examining: Bool = false, _ body: (OpaquePointer) throws(EngineProblem) -> Void
    ) throws(EngineProblem) {
        try shared.alone(examining: examining) { () throws(EngineProblem) in
            guard let file = gdbm_open(path, 0, mode | GDBM_NOLOCK | GDBM_CLOEXEC, 0o600, nil) else {
                throw GnuEngine.openProblem
            }
            defer { gdbm_close(file) }
            try body(file)
        }
    }

    private func fetch(_ file: OpaquePointer, _ key: datum) throws(EngineProblem) -> datum? {
        let value = gdbm_fetch(file, key)
        if value.dptr != nil { return value }
        guard GnuEngine.isAbsence else { throw GnuEngine.problem(file) }
        return nil
    }

    /// The last call found nothing, and nothing was wrong.
    private static var isAbsence: Bool { cgdbm_errno() == CGDBM_ITEM_NOT_FOUND || cgdbm_errno() == CGDBM_NO_ERROR }

    private static func problem(_ file: OpaquePointer) -> EngineProblem {
        EngineProblem(isDamage: true, code: 0, text: String(cString: gdbm_db_strerror(file)))
    }

    /// What the system refused is no damage; all else is.
    private static var openProblem: EngineProblem {
        let code = errno
        let isOfSystem = cgdbm_errno() == CGDBM_FILE_OPEN_ERROR && code != 0
        return isOfSystem
            ? .system(code) : EngineProblem(isDamage: true, code: 0, text: String(cString: cgdbm_error_text()))
    }
}

private func borrowed(_ bytes: Bytes) -> datum {
    CGDBM.datum(dptr: UnsafeMutablePointer(mutating: bytes.ptr), dsize: Int32(bytes.count))
}

private func content(_ datum: datum) -> Bytes { Bytes(UnsafeRawBufferPointer(start: datum.dptr, count: Int(datum.dsize))) }
