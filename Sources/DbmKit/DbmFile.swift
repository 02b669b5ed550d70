public import ByteKit
import CBerkeleyDB
import CGDBM
import Glibc

/// The kinds of database files that httpd's tools write.
public enum DbmType: UInt8, BitwiseCopyable, Sendable {
    case berkeley, gdbm, sdbm

    /// By the name that AuthDBMType and htdbm have for it. "default" is Berkeley DB, as in Debian's httpd.
    public init?(name: Bytes) {
        if name.equalsIgnoringCase("DB") || name.equalsIgnoringCase("default") {
            self = .berkeley
        } else if name.equalsIgnoringCase("GDBM") {
            self = .gdbm
        } else if name.equalsIgnoringCase("SDBM") {
            self = .sdbm
        } else {
            return nil
        }
    }

    /// The file by whose time stamp a change shows.
    public func watchedPath(_ path: String) -> String { self == .sdbm ? path + ".pag" : path }
}

extension DbmFile {
    /// The same for a key in an array.
    public func value(of key: [UInt8]) throws(DbmProblem) -> [UInt8]? {
        try key.withUnsafeBytes { raw in
            Result { () throws(DbmProblem) in try value(of: Bytes(raw)) }
        }.get()
    }
}

extension WritableDbmFile {
    /// The same for arrays.
    public func set(_ key: [UInt8], _ value: [UInt8]) throws(DbmProblem) {
        try key.withUnsafeBytes { key in
            value.withUnsafeBytes { value in
                Result { () throws(DbmProblem) in try set(Bytes(key), Bytes(value)) }
            }
        }.get()
    }
}

/// Why a database cannot be used.
public struct DbmProblem: Error {
    public let description: String
    public init(description: String) { self.description = description }
}

/// A database file, open. For one thread at a time.
public protocol DbmFile: AnyObject {
    func value(of key: Bytes) throws(DbmProblem) -> [UInt8]?
    /// Calls `body` for each entry until it answers false.
    func forEach(_ body: (_ key: Bytes, _ value: Bytes) -> Bool) throws(DbmProblem)
}

/// A database that can be changed.
public protocol WritableDbmFile: DbmFile {
    func set(_ key: Bytes, _ value: Bytes) throws(DbmProblem)
    /// False: there was none.
    func remove(_ key: Bytes) throws(DbmProblem) -> Bool
}

/// Opens a database for reading. [any thread]
/// - Parameter waits: up to a second while somebody writes it.
public func openDbm(_ type: DbmType, _ path: String, waits: Bool = true) throws(DbmProblem) -> any DbmFile {
    switch type {
    case .berkeley: try BerkeleyFile(path, mode: .read)
    case .gdbm: try GdbmFile(path, mode: .read, waits: waits)
    case .sdbm: try SdbmFile(path)
    }
}

/// What a database is opened for.
public enum DbmMode: Sendable {
    case read, write
    /// For writing, empty: what was there is gone.
    case create
}

/// Berkeley DB.
public final class BerkeleyFile: WritableDbmFile {
    private let db: UnsafeMutablePointer<DB>

    public init(_ path: String, mode: DbmMode) throws(DbmProblem) {
        var db: UnsafeMutablePointer<DB>?
        let problem = cdb_open_table(&db, path, mode == .read ? 1 : 0, mode == .create ? 1 : 0)
        guard problem == 0, let db else { throw BerkeleyFile.problem(problem) }
        self.db = db
    }

    deinit { _ = cdb_close(db) }

    private static func problem(_ code: Int32) -> DbmProblem { DbmProblem(description: String(cString: db_strerror(code))) }

    public func value(of key: Bytes) throws(DbmProblem) -> [UInt8]? {
        var name = cdb_datum(key.ptr, key.count)
        var value = DBT()
        let problem = cdb_get(db, &name, &value)
        if problem == CDB_NOTFOUND { return nil }
        guard problem == 0 else { throw BerkeleyFile.problem(problem) }
        return Array(UnsafeRawBufferPointer(start: value.data, count: Int(value.size)))
    }

    public func forEach(_ body: (Bytes, Bytes) -> Bool) throws(DbmProblem) {
        var cursor: UnsafeMutablePointer<DBC>?
        let opened = cdb_cursor(db, &cursor)
        guard opened == 0, let cursor else { throw BerkeleyFile.problem(opened) }
        defer { cdb_cursor_close(cursor) }
        var key = DBT()
        var value = DBT()
        while true {
            let problem = cdb_next(cursor, &key, &value)
            if problem == CDB_NOTFOUND { return }
            guard problem == 0 else { throw BerkeleyFile.problem(problem) }
            let name = Bytes(UnsafeRawBufferPointer(start: key.data, count: Int(key.size)))
            guard body(name, Bytes(UnsafeRawBufferPointer(start: value.data, count: Int(value.size)))) else { return }
        }
    }

    public func set(_ key: Bytes, _ value: Bytes) throws(DbmProblem) {
        var name = cdb_datum(key.ptr, key.count)
        var content = cdb_datum(value.ptr, value.count)
        let problem = cdb_put(db, &name, &content)
        guard problem == 0 else { throw BerkeleyFile.problem(problem) }
    }

    public func remove(_ key: Bytes) throws(DbmProblem) -> Bool {
        var name = cdb_datum(key.ptr, key.count)
        let problem = cdb_del(db, &name)
        if problem == CDB_NOTFOUND { return false }
        guard problem == 0 else { throw BerkeleyFile.problem(problem) }
        return true
    }
}

/// GNU dbm.
public final class GdbmFile: WritableDbmFile {
    private let db: GDBM_FILE

    /// - Parameter waits: up to a second while somebody writes it.
    public init(_ path: String, mode: DbmMode, waits: Bool = true) throws(DbmProblem) {
        let flags: Int32
        switch mode {
        case .read: flags = Int32(GDBM_READER)
        case .write: flags = Int32(GDBM_WRITER)
        case .create: flags = Int32(GDBM_NEWDB)
        }
        // Whoever writes it keeps others out for a moment.
        var tries = 0
        while true {
            if let db = gdbm_open(path, 0, flags, 0o644, nil) {
                self.db = db
                return
            }
            let isLocked = cgdbm_errno() == Int32(GDBM_CANT_BE_READER)
            tries += 1
            guard isLocked, waits, tries < 100 else { throw GdbmFile.problem() }
            usleep(10_000)
        }
    }

    deinit { gdbm_close(db) }

    private static func problem() -> DbmProblem {
        DbmProblem(description: String(cString: cgdbm_error_text()))
    }

    private func datum(_ bytes: Bytes) -> datum {
        CGDBM.datum(dptr: UnsafeMutablePointer(mutating: bytes.ptr), dsize: Int32(clamping: bytes.count))
    }

    public func value(of key: Bytes) throws(DbmProblem) -> [UInt8]? {
        let found = gdbm_fetch(db, datum(key))
        guard let start = found.dptr else { return nil }
        defer { free(start) }
        return Array(UnsafeRawBufferPointer(start: start, count: Int(found.dsize)))
    }

    public func forEach(_ body: (Bytes, Bytes) -> Bool) throws(DbmProblem) {
        var key = gdbm_firstkey(db)
        while let start = key.dptr {
            let name = Bytes(UnsafeRawBufferPointer(start: start, count: Int(key.dsize)))
            let goesOn = try value(of: name).map { $0.withUnsafeBytes { body(name, Bytes($0)) } } ?? true
            let next = gdbm_nextkey(db, key)
            free(start)
            key = next
            guard goesOn else { return free(key.dptr) }
        }
    }

    public func set(_ key: Bytes, _ value: Bytes) throws(DbmProblem) {
        guard gdbm_store(db, datum(key), datum(value), Int32(GDBM_REPLACE)) == 0 else { throw GdbmFile.problem() }
    }

    public func remove(_ key: Bytes) throws(DbmProblem) -> Bool {
        guard gdbm_exists(db, datum(key)) != 0 else { return false }
        guard gdbm_delete(db, datum(key)) == 0 else { throw GdbmFile.problem() }
        return true
    }
}
