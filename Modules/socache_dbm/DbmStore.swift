import Glibc
import ModuleKit

/// The caches of this module in a process.
final class DbmCaches {
    let host: Host
    private(set) var all: [DbmStore] = []

    init(_ host: Host) { self.host = host }

    func add(_ store: DbmStore) throws {
        guard !all.contains(where: { $0.path == store.path }) else {
            throw DirectiveError("\(store.path) is the file of another cache already; each needs its own")
        }
        all.append(store)
    }

    /// In a worker: databases are opened after the fork.
    func begin() {
        guard !all.isEmpty else { return }
        for store in all { store.reopen() }
        Janitor.start(self)
    }

    // A file that turns out to be damaged while it is used: the worker tells the leader, which replaces it and tells all workers.

    func report(_ store: DbmStore) { try? host.broadcast("damaged \(store.path)", .none) }

    func receive(_ message: String) {
        let isLeader = host.worker < 0
        for store in all where message == "damaged \(store.path)" && isLeader { store.replace() }
        for store in all where message == "replaced \(store.path)" && !isLeader { store.reopen() }
    }
}

/// A cache in a database file.
final class DbmStore: ObjectStore, @unchecked Sendable {
    let path: String
    private let caches: DbmCaches
    private let type: EngineType
    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    /// nil: it could not be opened, or was found damaged. Guarded by the lock, for pool threads and the janitor use it, too.
    private var engine: (any Engine)?
    /// For a database that needs a lock of ours. Made before the fork.
    private var shared: SharedFile?
    /// Something was written that is not on disk yet. Guarded by the lock.
    private var isChanged = false
    private var hits = 0
    private var misses = 0

    init(_ caches: DbmCaches, _ argument: DbmArgument) {
        self.caches = caches
        path = argument.path
        type = argument.type
        lock = .allocate(capacity: 1)
        pthread_mutex_init(lock, nil)
    }

    private var host: Host { caches.host }
    private var preparation: Preparation { Preparation(type: type, path: path, host: host, shared: shared) }

    override func open(_ name: Bytes, _ hints: ObjectHints, reason: UInt32) throws {
        try caches.add(self)
        try preparation.check()
        guard reason != APUS_OPEN_CHECK else { return }
        if type.needsLock { shared = try SharedFile(host, path: path) }
        try preparation.run()
    }

    // In the leader.

    func replace() {
        do {
            try preparation.run()
            try host.broadcast("replaced \(path)", .none)
        } catch {
            host.log.error("the cache \(path) is of no use any more: \((error as? DirectiveError)?.message ?? "\(error)")")
        }
    }

    // In a worker.

    func reopen() {
        set(nil)
        do throws(EngineProblem) {
            set(try type.open(path, shared))
        } catch {
            host.log.write(.error, code: "APUS4021", "the cache \(path) cannot be opened: \(error.text)")
        }
    }

    var current: (any Engine)? {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        return engine
    }

    /// The database, for a change.
    private var changing: (any Engine)? {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        isChanged = true
        return engine
    }

    /// The database, when something was changed since the last time.
    func takeChanged() -> (any Engine)? {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        defer { isChanged = false }
        return isChanged ? engine : nil
    }

    private func set(_ new: (any Engine)?) {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        engine = new
    }

    override func store(_ id: Bytes, expires: Int64, _ data: Bytes) -> apus_status {
        guard let engine = changing else { return APUS_E_IO }
        guard data.count <= engine.longestData, id.count <= engine.longestData - data.count else { return APUS_E_TOO_BIG }
        return attempt { () throws(EngineProblem) in
            guard expires > self.host.now else { return try engine.remove(id) }
            try engine.store(id, expires: expires, data)
        }
    }

    override func retrieve(
        _ id: Bytes, in pool: Pool, _ data: inout Bytes, _ done: apus_socache_done_fn?, _ context: UnsafeMutableRawPointer?
    ) -> apus_status {
        guard let engine = current else { return APUS_E_NOT_FOUND }
        var found: Bytes?
        let status = attempt { () throws(EngineProblem) in
            try engine.retrieve(id, now: self.host.now) { found = pool.copy($0) }
        }
        guard let found else {
            misses += 1
            return status == APUS_OK ? APUS_E_NOT_FOUND : status
        }
        hits += 1
        data = found
        return APUS_OK
    }

    override func remove(_ id: Bytes) -> apus_status {
        guard let engine = changing else { return APUS_OK }
        return attempt { () throws(EngineProblem) in try engine.remove(id) }
    }

    /// Runs an operation; what goes wrong is logged.
    func attempt(_ body: () throws(EngineProblem) -> Void) -> apus_status {
        do throws(EngineProblem) {
            try body()
            return APUS_OK
        } catch {
            host.log.write(.error, code: "APUS4022", "the cache \(path): \(error.text)")
            guard error.isDamage else { return APUS_E_IO }
            set(nil)
            caches.report(self)
            return APUS_E_IO
        }
    }

    override func status(_ fact: (_ name: StaticString, _ value: String) -> Void) {
        fact("cache type", "DBM")
        fact("database", type == .standard ? "lmdb" : type.rawValue)
        fact("file", path)
        fact("current entries", "\(current?.entries ?? 0)")
        fact("bytes used", "\(current?.bytes ?? 0)")
        fact("hits in this worker", "\(hits)")
        fact("misses in this worker", "\(misses)")
    }
}
