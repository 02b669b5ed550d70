import CLMDB
import Glibc
import ModuleKit

/// LMDB: readers take no locks, and a writer that dies leaves the last whole state. Nothing waits for the disk when an object
/// is stored: `settle` brings it there.
///
/// Two tables: the objects by their ids, and their times with their ids, so that those which expire first are found at once.
final class LightningEngine: Engine {
    /// Most that the file may grow to. It is only as large as what is in it.
    static let mapSize = 256 << 20
    /// Pages in use beyond which the objects that expire first make room: LMDB writes a changed page to another place.
    static let fullPages = 3 * (mapSize / 4096) / 4
    static let sweepLimit = 200

    let longestData = LightningEngine.mapSize / 16
    private let environment: OpaquePointer
    private var objects: MDB_dbi = 0
    private var times: MDB_dbi = 0

    /// Opens the file, made if there is none. Once in a process, and not before a fork.
    init(_ path: String) throws(EngineProblem) {
        var made: OpaquePointer?
        try LightningEngine.check(mdb_env_create(&made))
        guard let made else { throw EngineProblem.system(ENOMEM) }
        // From here on the deinitializer closes it, whatever fails.
        environment = made
        try LightningEngine.check(mdb_env_set_mapsize(made, LightningEngine.mapSize))
        try LightningEngine.check(mdb_env_set_maxdbs(made, 2))
        let flags = UInt32(MDB_NOSUBDIR | MDB_NOSYNC | MDB_NOTLS | MDB_NORDAHEAD)
        try LightningEngine.check(mdb_env_open(made, path, flags, 0o600))
        try openTables()
    }

    deinit { mdb_env_close(environment) }

    private func openTables() throws(EngineProblem) {
        try write { (transaction) throws(EngineProblem) in
            try LightningEngine.check(mdb_dbi_open(transaction, "objects", UInt32(MDB_CREATE), &self.objects))
            try LightningEngine.check(mdb_dbi_open(transaction, "times", UInt32(MDB_CREATE), &self.times))
        }
    }

    func store(_ id: Bytes, expires: Int64, _ data: Bytes) throws(EngineProblem) {
        do {
            try put(id, expires, data)
        } catch {
            guard error.code == MDB_MAP_FULL else { throw error }
            // Its pages are scattered: the only way that needs no room is to begin anew.
            try empty()
            try put(id, expires, data)
        }
    }

    private func put(_ id: Bytes, _ expires: Int64, _ data: Bytes) throws(EngineProblem) {
        let key = Key(id)
        try write { (transaction) throws(EngineProblem) in
            try self.makeRoom(transaction, data.count)
            try self.drop(transaction, key)
            let longID = key.isShort ? Bytes.none : id
            var value = MDB_val(mv_size: Entry.length(longID: longID.count, data: data.count), mv_data: nil)
            try key.with { (key) throws(EngineProblem) in
                try LightningEngine.check(mdb_put(transaction, self.objects, &key, &value, UInt32(MDB_RESERVE)))
            }
            if let place = value.mv_data { Entry.write(place, expires: expires, longID: longID, data) }
            try key.with(time: expires) { (key) throws(EngineProblem) in
                var nothing = MDB_val(mv_size: 0, mv_data: nil)
                try LightningEngine.check(mdb_put(transaction, self.times, &key, &nothing, 0))
            }
        }
    }

    func retrieve(_ id: Bytes, now: Int64, _ found: (Bytes) -> Void) throws(EngineProblem) {
        let key = Key(id)
        try read { (transaction) throws(EngineProblem) in
            guard let entry = try self.entry(transaction, key), entry.expires > now else { return }
            guard key.isShort || entry.longID == id else { return }
            found(entry.data)
        }
    }

    func remove(_ id: Bytes) throws(EngineProblem) {
        let key = Key(id)
        try write { (transaction) throws(EngineProblem) in try self.drop(transaction, key) }
    }

    func sweep(now: Int64) throws(EngineProblem) -> Int {
        // Readers that died would keep the pages of their time from being used again.
        var dead: Int32 = 0
        try LightningEngine.check(mdb_reader_check(environment, &dead))
        guard try hasExpired(now) else { return 0 }
        var count = 0
        try write { (transaction) throws(EngineProblem) in
            count = try self.dropFirst(transaction, until: now, atMost: LightningEngine.sweepLimit)
        }
        return count
    }

    func settle() throws(EngineProblem) { try LightningEngine.check(mdb_env_sync(environment, 1)) }

    func examine() throws(EngineProblem) {
        try read { (transaction) throws(EngineProblem) in
            for table in [self.objects, self.times] {
                try self.each(transaction, table) { key, value in
                    _ = key.hashed ^ value.hashed
                    return true
                }
            }
        }
    }

    var entries: Int { statistics.ms_entries }
    var bytes: Int { LightningEngine.pages(statistics) * Int(statistics.ms_psize) }

    private var statistics: MDB_stat {
        var facts = MDB_stat()
        try? read { (transaction) throws(EngineProblem) in _ = mdb_stat(transaction, self.objects, &facts) }
        return facts
    }

    private static func pages(_ facts: MDB_stat) -> Int {
        facts.ms_branch_pages + facts.ms_leaf_pages + facts.ms_overflow_pages
    }
}

// What is done inside a transaction.

extension LightningEngine {
    private func entry(
        _ transaction: OpaquePointer, _ key: Key
    ) throws(EngineProblem) -> (expires: Int64, longID: Bytes, data: Bytes)? {
        var value = MDB_val()
        var status: Int32 = 0
        try key.with { (key) throws(EngineProblem) in status = mdb_get(transaction, self.objects, &key, &value) }
        guard status != MDB_NOTFOUND else { return nil }
        try LightningEngine.check(status)
        return Entry.read(Bytes(UnsafeRawBufferPointer(start: value.mv_data, count: value.mv_size)))
    }

    /// Removes an object with its time.
    private func drop(_ transaction: OpaquePointer, _ key: Key) throws(EngineProblem) {
        guard let entry = try entry(transaction, key) else { return }
        try key.with(time: entry.expires) { (time) throws(EngineProblem) in
            try LightningEngine.check(mdb_del(transaction, self.times, &time, nil), orAbsent: true)
        }
        try key.with { (key) throws(EngineProblem) in
            try LightningEngine.check(mdb_del(transaction, self.objects, &key, nil), orAbsent: true)
        }
    }

    private func makeRoom(_ transaction: OpaquePointer, _ wanted: Int) throws(EngineProblem) {
        var facts = MDB_stat()
        for _ in 0..<64 {
            try LightningEngine.check(mdb_stat(transaction, objects, &facts))
            guard LightningEngine.pages(facts) + wanted / Int(facts.ms_psize) > LightningEngine.fullPages else { return }
            guard try dropFirst(transaction, until: Int64.max, atMost: LightningEngine.sweepLimit) > 0 else { return }
        }
    }

    /// Removes the objects that expire first.
    private func dropFirst(
        _ transaction: OpaquePointer, until end: Int64, atMost limit: Int
    ) throws(EngineProblem) -> Int {
        var keys: [[UInt8]] = []
        try each(transaction, times) { key, _ in
            guard keys.count < limit, let time = Key.time(key), time <= end else { return false }
            keys.append(Array(key.buffer))
            return true
        }
        for key in keys {
            var status: Int32 = 0
            key.withUnsafeBytes { bytes in
                let base = UnsafeMutableRawPointer(mutating: bytes.baseAddress)
                var time = MDB_val(mv_size: bytes.count, mv_data: base)
                status = mdb_del(transaction, times, &time, nil)
                guard status == 0 else { return }
                var object = MDB_val(mv_size: bytes.count - 8, mv_data: base.map { $0 + 8 })
                status = mdb_del(transaction, objects, &object, nil)
            }
            try LightningEngine.check(status, orAbsent: true)
        }
        return keys.count
    }

    private func hasExpired(_ now: Int64) throws(EngineProblem) -> Bool {
        var has = false
        try read { (transaction) throws(EngineProblem) in
            try self.each(transaction, self.times) { key, _ in
                has = Key.time(key).map { $0 <= now } ?? false
                return false
            }
        }
        return has
    }

    private func empty() throws(EngineProblem) {
        try write { (transaction) throws(EngineProblem) in
            try LightningEngine.check(mdb_drop(transaction, self.objects, 0))
            try LightningEngine.check(mdb_drop(transaction, self.times, 0))
        }
    }

    /// Visits a table in the order of its keys, until `body` says that it is enough.
    private func each(
        _ transaction: OpaquePointer, _ table: MDB_dbi, _ body: (_ key: Bytes, _ value: Bytes) -> Bool
    ) throws(EngineProblem) {
        var cursor: OpaquePointer?
        try LightningEngine.check(mdb_cursor_open(transaction, table, &cursor))
        defer { mdb_cursor_close(cursor) }
        var key = MDB_val()
        var value = MDB_val()
        while true {
            let status = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)
            guard status != MDB_NOTFOUND else { return }
            try LightningEngine.check(status)
            let goesOn = body(
                Bytes(UnsafeRawBufferPointer(start: key.mv_data, count: key.mv_size)),
                Bytes(UnsafeRawBufferPointer(start: value.mv_data, count: value.mv_size)))
            guard goesOn else { return }
        }
    }

    private func write(_ body: (OpaquePointer) throws(EngineProblem) -> Void) throws(EngineProblem) {
        let transaction = try begin(0)
        do {
            try body(transaction)
        } catch {
            mdb_txn_abort(transaction)
            throw error
        }
        try LightningEngine.check(mdb_txn_commit(transaction))
    }

    private func read(_ body: (OpaquePointer) throws(EngineProblem) -> Void) throws(EngineProblem) {
        let transaction = try begin(UInt32(MDB_RDONLY))
        defer { mdb_txn_abort(transaction) }
        try body(transaction)
    }

    private func begin(_ flags: UInt32) throws(EngineProblem) -> OpaquePointer {
        var transaction: OpaquePointer?
        try LightningEngine.check(mdb_txn_begin(environment, nil, flags, &transaction))
        guard let transaction else { throw EngineProblem.system(ENOMEM) }
        return transaction
    }

    private static func check(_ status: Int32, orAbsent: Bool = false) throws(EngineProblem) {
        guard status != 0, !(orAbsent && status == MDB_NOTFOUND) else { return }
        let damage = [
            MDB_CORRUPTED, MDB_PAGE_NOTFOUND, MDB_PANIC, MDB_INVALID, MDB_VERSION_MISMATCH, MDB_INCOMPATIBLE, MDB_BAD_RSLOT,
            MDB_BAD_TXN, MDB_BAD_DBI, MDB_CURSOR_FULL, MDB_PAGE_FULL, MDB_BAD_VALSIZE,
        ]
        throw EngineProblem(
            isDamage: damage.contains(status), code: status, text: String(cString: mdb_strerror(status)))
    }
}

/// The key of an object: its id, or for a long id its beginning and a hash, for LMDB's keys are short. Its place among the
/// times is the same behind eight bytes of time.
private struct Key {
    static let longest = 400

    private var bytes: [UInt8]
    let isShort: Bool

    init(_ id: Bytes) {
        isShort = id.count <= Key.longest
        bytes = [UInt8](repeating: 0, count: 8)
        bytes.reserveCapacity(id.count + 25)
        // Told apart, so that no id can be taken for the key of another.
        bytes.append(isShort ? 0 : 1)
        bytes.append(contentsOf: isShort ? id.buffer : id.upTo(Key.longest - 16).buffer)
        guard !isShort else { return }
        withUnsafeBytes(of: (id.hashed, id.from(7).hashed)) { bytes.append(contentsOf: $0) }
    }

    /// The time at the beginning of a key among the times.
    static func time(_ key: Bytes) -> Int64? {
        key.count > 8 ? Int64(bigEndian: key.buffer.loadUnaligned(as: Int64.self)) : nil
    }

    func with(_ body: (inout MDB_val) throws(EngineProblem) -> Void) throws(EngineProblem) {
        try borrow(bytes, from: 8, body)
    }

    func with(time: Int64, _ body: (inout MDB_val) throws(EngineProblem) -> Void) throws(EngineProblem) {
        var timed = bytes
        timed.withUnsafeMutableBytes { $0.storeBytes(of: max(time, 0).bigEndian, as: Int64.self) }
        try borrow(timed, from: 0, body)
    }

    private func borrow(
        _ bytes: [UInt8], from start: Int, _ body: (inout MDB_val) throws(EngineProblem) -> Void
    ) throws(EngineProblem) {
        var problem: EngineProblem?
        bytes.withUnsafeBytes { buffer in
            let base = UnsafeMutableRawPointer(mutating: buffer.baseAddress)
            var value = MDB_val(mv_size: buffer.count - start, mv_data: base.map { $0 + start })
            do throws(EngineProblem) { try body(&value) } catch { problem = error }
        }
        if let problem { throw problem }
    }
}
