import Glibc
import ModuleKit

/// One object in a ring, or a gap. Its id and then its data follow it.
struct Record {
    enum Kind { static let live: UInt32 = 1, dead: UInt32 = 2, padding: UInt32 = 3 }

    /// Of the whole record, a multiple of 8. Of padding only this and the kind are there.
    var length: UInt32
    var kind: UInt32
    var idLength: UInt32
    var dataLength: UInt32
    var expires: Int64
    var hash: UInt64
    /// Over everything that does not change, to find records that were never finished.
    var checksum: UInt64
    /// The next of the same bucket, as a `Part.Link`.
    var next: UInt32
    var reserved: UInt32 = 0

    static let size = MemoryLayout<Record>.stride

    static func length(id: Int, data: Int) -> Int { (size + id + data + 7) & ~7 }
}

/// What a part counts, in shared memory.
struct Counters {
    /// Where the next record goes and where the oldest is, counted from the beginning of time: the place in the ring is the
    /// remainder by its capacity.
    var head: Int64
    var tail: Int64
    var live: Int64
    var stores: Int64
    var replaced: Int64
    var expired: Int64
    var scrolled: Int64
    var hits: Int64
    var misses: Int64
    var removes: Int64
    var removeMisses: Int64
    var contended: Int64
    var recovered: Int64
}

/// A part of a segment. Records lie in a ring in the order of their making, so that the oldest goes when room is needed;
/// buckets of linked records find them by the hash of their id.
///
/// A process can die at any instruction. What lies between tail and head is then still whole: a record is published by moving
/// the head behind it, and its room is taken only after the tail has left it. All else is made anew of that (`recover`).
struct Part {
    /// One more than the place in the ring in units of 8 bytes; 0: none.
    typealias Link = UInt32

    static let lockSize = 64
    static let bucketOffset = 192

    let base: UnsafeMutableRawPointer
    let geometry: Geometry
    let seed: UInt64

    var lock: SharedMutex { SharedMutex(madeAt: base) }
    var counters: UnsafeMutablePointer<Counters> { (base + Part.lockSize).assumingMemoryBound(to: Counters.self) }
    var buckets: UnsafeMutablePointer<Link> { (base + Part.bucketOffset).assumingMemoryBound(to: Link.self) }
    var capacity: Int64 { Int64(geometry.capacity) }

    func record(at offset: Int) -> UnsafeMutablePointer<Record> {
        (base + geometry.ring + offset).assumingMemoryBound(to: Record.self)
    }

    func offset(of position: Int64) -> Int { Int(position % capacity) }

    func id(of record: UnsafeMutablePointer<Record>) -> Bytes {
        Bytes(UnsafeRawPointer(record) + Record.size, count: Int(record.pointee.idLength))
    }

    func data(of record: UnsafeMutablePointer<Record>) -> Bytes {
        let start = UnsafeRawPointer(record) + Record.size + Int(record.pointee.idLength)
        return Bytes(start, count: Int(record.pointee.dataLength))
    }

    func setTail(_ position: Int64) { withUnsafeMutablePointer(to: &counters.pointee.tail) { publish(position, at: $0) } }
    func setHead(_ position: Int64) { withUnsafeMutablePointer(to: &counters.pointee.head) { publish(position, at: $0) } }
}

// Buckets.

extension Part {
    private func bucket(_ hash: UInt64) -> UnsafeMutablePointer<Link> { buckets + Int(truncatingIfNeeded: hash) & (geometry.buckets - 1) }

    /// The record a link names; nil: none, or it cannot be one.
    private func record(_ link: Link) -> UnsafeMutablePointer<Record>? {
        let offset = (Int(link) - 1) * 8
        guard link > 0, offset + Record.size <= geometry.capacity else { return nil }
        return record(at: offset)
    }

    func link(_ record: UnsafeMutablePointer<Record>, at offset: Int) {
        let bucket = bucket(record.pointee.hash)
        record.pointee.next = bucket.pointee
        bucket.pointee = Link(offset / 8 + 1)
    }

    /// The live record of that id, with the link that names it.
    func find(_ id: Bytes, _ hash: UInt64) -> (record: UnsafeMutablePointer<Record>, link: UnsafeMutablePointer<Link>)? {
        search(hash) { $0.pointee.hash == hash && self.id(of: $0) == id }
    }

    func unlink(_ wanted: UnsafeMutablePointer<Record>) {
        guard let (_, link) = search(wanted.pointee.hash, { $0 == wanted }) else { return }
        link.pointee = wanted.pointee.next
    }

    @inline(__always)
    private func search(
        _ hash: UInt64, _ matches: (UnsafeMutablePointer<Record>) -> Bool
    ) -> (record: UnsafeMutablePointer<Record>, link: UnsafeMutablePointer<Link>)? {
        var link = bucket(hash)
        // There cannot be more, so that a chain that was damaged ends, too.
        for _ in 0...geometry.capacity / Record.size {
            guard let record = record(link.pointee) else { return nil }
            if matches(record) { return (record, link) }
            link = withUnsafeMutablePointer(to: &record.pointee.next) { $0 }
        }
        return nil
    }
}
