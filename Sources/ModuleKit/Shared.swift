import CSystem
import ModuleABI

extension Host {
    /// Zeroed memory that every worker of this generation shares. From open_config.
    public func sharedMemory(_ name: String, bytes: Int) throws -> UnsafeMutableRawBufferPointer {
        var segment: OpaquePointer?
        try check(shmTable.pointee.create(raw, name, bytes, &segment), "shared memory \(name)")
        return UnsafeMutableRawBufferPointer(start: shmTable.pointee.base(segment), count: bytes)
    }

    /// The same, outliving the generation. `inherited`: it holds what the generation before this one left, whose workers may
    /// still use it. From open_config.
    public func lastingMemory(_ name: String, bytes: Int) throws -> (memory: UnsafeMutableRawBufferPointer, inherited: Bool) {
        var segment: OpaquePointer?
        var inherited: Int32 = 0
        try check(shmTable.pointee.create_lasting(raw, name, bytes, &segment, &inherited), "lasting memory \(name)")
        return (UnsafeMutableRawBufferPointer(start: shmTable.pointee.base(segment), count: bytes), inherited != 0)
    }

    /// The lasting memory of that name that the generation before this one left, whatever its length. From open_config,
    /// before `lastingMemory`.
    public func previousMemory(_ name: String) -> UnsafeMutableRawBufferPointer? {
        var segment: OpaquePointer?
        guard shmTable.pointee.previous(raw, name, &segment) == APUS_OK else { return nil }
        return UnsafeMutableRawBufferPointer(start: shmTable.pointee.base(segment), count: shmTable.pointee.length(segment))
    }
}

/// A robust lock in shared memory.
public struct SharedMutex: @unchecked Sendable {
    private let raw: OpaquePointer

    /// The room that a lock takes.
    public static var bytes: Int { mutexTable.pointee.bytes() }

    /// Makes a lock in shared memory, before the workers are forked.
    public init(at place: UnsafeMutableRawPointer) throws {
        var mutex: OpaquePointer?
        try check(mutexTable.pointee.`init`(place, &mutex), "cannot make a lock")
        guard let mutex else { throw ModuleError("cannot make a lock") }
        raw = mutex
    }

    /// The lock that was made at that place before, by whatever process.
    public init(madeAt place: UnsafeMutableRawPointer) { raw = OpaquePointer(place) }

    /// Takes the lock, to be given back with `unlock`.
    /// - Returns: true when its last owner died holding it.
    public func lock() -> Bool { mutexTable.pointee.lock(raw) == APUS_RECOVERED }

    /// The same when nobody holds it; nil: somebody does.
    public func tryLock() -> Bool? {
        let status = mutexTable.pointee.try_lock(raw)
        return status == APUS_AGAIN ? nil : status == APUS_RECOVERED
    }

    /// Gives the lock back.
    public func unlock() { mutexTable.pointee.unlock(raw) }

    /// Runs `body` with the lock held. `recovered`: its last owner died holding it.
    public func withLock<R>(_ body: (_ recovered: Bool) throws -> R) rethrows -> R {
        let recovered = mutexTable.pointee.lock(raw) == APUS_RECOVERED
        defer { mutexTable.pointee.unlock(raw) }
        return try body(recovered)
    }
}

/// Writes a number into shared memory after everything that was written before: whoever finds the memory as a writer left it
/// that died finds no number without what it stands for.
public func publish(_ value: Int64, at cell: UnsafeMutablePointer<Int64>) { cs_publish(cell, value) }
