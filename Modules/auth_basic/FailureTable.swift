import AuthKit
import ModuleKit

/// How often logging in has failed of late, in memory that all workers share: by a keyed hash of who tried. Bounded: what is
/// forgotten first is what ends first.
final class FailureTable {
    private struct Entry: BitwiseCopyable {
        var tag: KeyedHash.Tag
        /// Microseconds since 1970; 0: empty.
        var until: Int64
        var count: Int64
    }

    private static let ways = 8
    private static let sets = 512
    private static let lockRoom = 128

    private let key = KeyedHash.Key.random()
    private var entries: UnsafeMutablePointer<Entry>?
    private var lock: SharedMutex?

    /// From open_config: the key is made before the workers are, so it is the same in all.
    func open(_ host: Host) throws {
        guard SharedMutex.bytes <= FailureTable.lockRoom else { throw ModuleError("a lock does not fit into its place") }
        let size = FailureTable.lockRoom + FailureTable.ways * FailureTable.sets * MemoryLayout<Entry>.stride
        let memory = try host.sharedMemory("failed logins", bytes: size)
        guard let start = memory.baseAddress else { throw ModuleError("there is no memory for failed logins") }
        lock = try SharedMutex(at: start)
        entries = (start + FailureTable.lockRoom).assumingMemoryBound(to: Entry.self)
    }

    /// The name of somebody: a place, or a place and a user.
    func tag(_ place: Throttle.Place, _ user: Bytes) -> KeyedHash.Tag {
        var hash = KeyedHash(key, for: .kept)
        hash.add(place.high)
        hash.add(place.low)
        hash.add(UInt64(user.isSet ? 1 : 0))
        hash.add(user)
        return hash.finish()
    }

    /// How often it has failed, and until when that counts.
    func failures(_ tag: KeyedHash.Tag, now: Int64) -> (count: Int64, until: Int64) {
        change(tag, now) { entry in (entry.pointee.count, entry.pointee.until) } ?? (0, 0)
    }

    /// Counts one more, which with those before counts until then.
    func add(_ tag: KeyedHash.Tag, now: Int64, until: Int64) {
        change(tag, now, makes: true) { entry in
            entry.pointee.count += 1
            entry.pointee.until = until
        }
    }

    func forget(_ tag: KeyedHash.Tag, now: Int64) {
        change(tag, now) { $0.pointee.until = 0 }
    }

    /// Calls `body` with the entry of that name, if there is one that still counts.
    /// - Parameter makes: a new one in the place of that which ends first.
    @discardableResult
    private func change<R>(
        _ tag: KeyedHash.Tag, _ now: Int64, makes: Bool = false, _ body: (UnsafeMutablePointer<Entry>) -> R
    ) -> R? {
        guard let lock, let entries else { return nil }
        let set = entries + Int(truncatingIfNeeded: tag.low & UInt64(FailureTable.sets - 1)) * FailureTable.ways
        return lock.withLock { _ in
            var first = set
            for index in 0..<FailureTable.ways {
                let entry = set + index
                if entry.pointee.tag == tag, entry.pointee.until > now { return body(entry) }
                if entry.pointee.until < first.pointee.until { first = entry }
            }
            guard makes else { return nil }
            first.pointee = Entry(tag: tag, until: 0, count: 0)
            return body(first)
        }
    }
}
