import AuthKit
import ModuleKit

/// The nonces that clients have used, in memory that all workers share and that outlives reloads: which counts of each have
/// come, so that none is taken twice.
///
/// A nonce says itself when it was made and that it was made here, so that one that nobody used takes no memory. When the
/// table forgets one, it forgets all that are as old: a client is then told that its nonce is stale, and takes a new one.
final class NonceTable {
    private struct Header {
        var key: KeyedHash.Key
        /// Whether the key has been made.
        var isMade: Int64
    }

    private struct Entry {
        /// When the nonce was made, and what tells it from others made then; 0: empty.
        var time: Int64
        var number: UInt64
        /// The highest count that has come, and which of the 64 up to it.
        var highest: UInt64
        var seen: UInt64
    }

    private struct SetHeader {
        /// Nonces of this set that were made up to then are forgotten.
        var forgotten: Int64
    }

    private static let ways = 7
    private static let lockRoom = 128
    private static var setBytes: Int { MemoryLayout<SetHeader>.stride + ways * MemoryLayout<Entry>.stride }
    private static var headBytes: Int { lockRoom + MemoryLayout<Header>.stride }
    static var leastBytes: Int { headBytes + setBytes }

    private var base: UnsafeMutableRawPointer?
    private var sets = 0
    private var lock: SharedMutex?

    /// Makes the table, or takes over what the generation before left. From open_config.
    func open(_ host: Host, bytes: Int) throws {
        guard SharedMutex.bytes <= NonceTable.lockRoom else { throw ModuleError("a lock does not fit into its place") }
        let (memory, inherited) = try host.lastingMemory("digest nonces", bytes: bytes)
        guard let start = memory.baseAddress else { throw ModuleError("there is no memory for nonces") }
        let header = (start + NonceTable.lockRoom).assumingMemoryBound(to: Header.self)
        if inherited, header.pointee.isMade == 1 {
            lock = SharedMutex(madeAt: start)
        } else {
            lock = try SharedMutex(at: start)
            header.initialize(to: Header(key: .random(), isMade: 1))
        }
        base = start
        sets = (bytes - NonceTable.headBytes) / NonceTable.setBytes
    }

    var key: KeyedHash.Key? {
        base.map { ($0 + NonceTable.lockRoom).assumingMemoryBound(to: Header.self).pointee.key }
    }

    private func set(_ index: Int) -> (UnsafeMutablePointer<SetHeader>, UnsafeMutableBufferPointer<Entry>)? {
        guard let base else { return nil }
        let start = base + NonceTable.headBytes + index * NonceTable.setBytes
        let entries = (start + MemoryLayout<SetHeader>.stride).assumingMemoryBound(to: Entry.self)
        return (
            start.assumingMemoryBound(to: SetHeader.self),
            UnsafeMutableBufferPointer(start: entries, count: NonceTable.ways)
        )
    }

    /// Notes that a nonce has come with a count.
    /// - Returns: false: it has come before, or it may have, for the table has forgotten.
    func take(time: Int64, number: UInt64, count: UInt64) -> Bool {
        guard sets > 0, count > 0, let lock, let (header, entries) = set(Int(number % UInt64(sets))) else { return false }
        return lock.withLock { recovered in
            // Who died here may have left half of what it wrote: all that are in the set are forgotten.
            if recovered { NonceTable.forget(header, entries) }
            if let entry = entries.firstIndex(where: { $0.time == time && $0.number == number }) {
                return NonceTable.note(count, in: &entries[entry])
            }
            guard time > header.pointee.forgotten else { return false }
            let place = NonceTable.room(header, entries)
            entries[place] = Entry(time: time, number: number, highest: count, seen: 1)
            return true
        }
    }

    /// Requests may overtake each other: of the 64 counts up to the highest each is taken once, older ones never.
    private static func note(_ count: UInt64, in entry: inout Entry) -> Bool {
        if count > entry.highest {
            let step = count - entry.highest
            entry.seen = step >= 64 ? 1 : entry.seen << step | 1
            entry.highest = count
            return true
        }
        let age = entry.highest - count
        guard age < 64, entry.seen & (1 << age) == 0 else { return false }
        entry.seen |= 1 << age
        return true
    }

    private static func forget(
        _ header: UnsafeMutablePointer<SetHeader>, _ entries: UnsafeMutableBufferPointer<Entry>
    ) {
        for index in 0..<entries.count {
            header.pointee.forgotten = max(header.pointee.forgotten, entries[index].time)
            entries[index] = Entry(time: 0, number: 0, highest: 0, seen: 0)
        }
    }

    /// An empty place, or that of the oldest nonce, which is forgotten.
    private static func room(
        _ header: UnsafeMutablePointer<SetHeader>, _ entries: UnsafeMutableBufferPointer<Entry>
    ) -> Int {
        var oldest = 0
        for index in 0..<entries.count {
            if entries[index].time == 0 { return index }
            if entries[index].time < entries[oldest].time { oldest = index }
        }
        header.pointee.forgotten = max(header.pointee.forgotten, entries[oldest].time)
        return oldest
    }
}
