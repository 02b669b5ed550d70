import Glibc
import ModuleKit

// What is done with a part while its lock is held.

extension Part {
    /// The object of that id that has not expired.
    func retrieve(_ id: Bytes, _ hash: UInt64, now: Int64) -> Bytes? {
        guard let (record, link) = find(id, hash) else {
            counters.pointee.misses += 1
            return nil
        }
        guard record.pointee.expires > now else {
            bury(record, link)
            counters.pointee.expired += 1
            counters.pointee.misses += 1
            return nil
        }
        counters.pointee.hits += 1
        return data(of: record)
    }

    /// Keeps an object that fits (`Geometry.largestObject`), unless it has expired already.
    func store(_ id: Bytes, _ hash: UInt64, expires: Int64, _ data: Bytes, now: Int64) {
        if let (record, link) = find(id, hash) {
            bury(record, link)
            counters.pointee.replaced += 1
        }
        guard expires > now else { return }
        let length = Record.length(id: id.count, data: data.count)
        let position = makeRoom(length, now: now)
        let offset = offset(of: position)
        let record = record(at: offset)
        fill(record, id, hash, expires, data)
        setHead(position + Int64(length))
        link(record, at: offset)
        counters.pointee.live += 1
        counters.pointee.stores += 1
    }

    func remove(_ id: Bytes, _ hash: UInt64) {
        guard let (record, link) = find(id, hash) else {
            counters.pointee.removeMisses += 1
            return
        }
        bury(record, link)
        counters.pointee.removes += 1
    }

    /// Takes a record out of its bucket; its room is free when it is the oldest.
    private func bury(_ record: UnsafeMutablePointer<Record>, _ link: UnsafeMutablePointer<Link>) {
        link.pointee = record.pointee.next
        record.pointee.kind = Record.Kind.dead
        counters.pointee.live -= 1
    }

    private func fill(
        _ record: UnsafeMutablePointer<Record>, _ id: Bytes, _ hash: UInt64, _ expires: Int64, _ data: Bytes
    ) {
        record.initialize(
            to: Record(
                length: UInt32(Record.length(id: id.count, data: data.count)), kind: Record.Kind.live,
                idLength: UInt32(id.count), dataLength: UInt32(data.count), expires: expires, hash: hash, checksum: 0,
                next: 0))
        let place = UnsafeMutableRawPointer(record) + Record.size
        if let bytes = id.ptr { memcpy(place, bytes, id.count) }
        if let bytes = data.ptr { memcpy(place + id.count, bytes, data.count) }
        record.pointee.checksum = checksum(of: record)
    }

    func checksum(of record: UnsafeMutablePointer<Record>) -> UInt64 {
        let content = UnsafeRawBufferPointer(
            start: UnsafeRawPointer(record) + Record.size,
            count: Int(record.pointee.idLength) + Int(record.pointee.dataLength))
        let lengths = UInt64(record.pointee.idLength) << 32 | UInt64(record.pointee.dataLength)
        return Mixer.hash(content, seed: seed ^ lengths ^ UInt64(bitPattern: record.pointee.expires) ^ record.pointee.hash)
    }
}

// Room in the ring.

extension Part {
    /// Where a record of that length goes, in one piece, after the oldest have left.
    private func makeRoom(_ length: Int, now: Int64) -> Int64 {
        while true {
            let (head, tail) = (counters.pointee.head, counters.pointee.tail)
            let rest = geometry.capacity - offset(of: head)
            let gap = length <= rest ? 0 : rest
            if Int64(gap + length) <= capacity - (head - tail) {
                if gap > 0 { pad(gap) }
                return head + Int64(gap)
            }
            if head == tail { startOver() } else { dropOldest(now: now) }
        }
    }

    /// Fills the end of the ring, which is too short for a record.
    private func pad(_ gap: Int) {
        let head = counters.pointee.head
        let record = record(at: offset(of: head))
        record.pointee.length = UInt32(gap)
        record.pointee.kind = Record.Kind.padding
        setHead(head + Int64(gap))
    }

    /// Goes to the beginning of an empty ring.
    private func startOver() {
        let start = (counters.pointee.head / capacity + 1) * capacity
        setTail(start)
        setHead(start)
    }

    private func dropOldest(now: Int64) {
        let tail = counters.pointee.tail
        let record = record(at: offset(of: tail))
        guard isPlausible(record, at: tail) else { return clear() }
        if record.pointee.kind == Record.Kind.live {
            unlink(record)
            counters.pointee.live -= 1
            if record.pointee.expires > now { counters.pointee.scrolled += 1 } else { counters.pointee.expired += 1 }
        }
        setTail(tail + Int64(record.pointee.length))
    }

    /// Whether a record at that position ends where one may end.
    private func isPlausible(_ record: UnsafeMutablePointer<Record>, at position: Int64) -> Bool {
        let length = Int(record.pointee.length)
        return length >= 8 && length & 7 == 0 && offset(of: position) + length <= geometry.capacity
            && position + Int64(length) <= counters.pointee.head
    }

    /// Forgets everything.
    private func clear() {
        setTail(counters.pointee.head)
        buckets.update(repeating: 0, count: geometry.buckets)
        counters.pointee.live = 0
    }
}

// After a death.

extension Part {
    /// Makes sense again of what a process left that died with the lock held: the finished records stay.
    func recover() {
        counters.pointee.recovered += 1
        let (head, tail) = (counters.pointee.head, counters.pointee.tail)
        guard tail >= 0, head >= tail, head - tail <= capacity else {
            setHead(max(tail, 0))
            return clear()
        }
        buckets.update(repeating: 0, count: geometry.buckets)
        counters.pointee.live = 0
        var position = tail
        while position < head {
            let record = record(at: offset(of: position))
            guard isWhole(record, at: position) else { return setHead(position) }
            if record.pointee.kind == Record.Kind.live {
                link(record, at: offset(of: position))
                counters.pointee.live += 1
            }
            position += Int64(record.pointee.length)
        }
    }

    private func isWhole(_ record: UnsafeMutablePointer<Record>, at position: Int64) -> Bool {
        guard isPlausible(record, at: position) else { return false }
        switch record.pointee.kind {
        case Record.Kind.padding: return true
        case Record.Kind.live, Record.Kind.dead:
            let content = Record.length(id: Int(record.pointee.idLength), data: Int(record.pointee.dataLength))
            return content == Int(record.pointee.length) && record.pointee.checksum == checksum(of: record)
        default: return false
        }
    }

    /// Calls `body` for each object, the oldest first.
    func each(_ body: (UnsafeMutablePointer<Record>) -> Void) {
        var position = counters.pointee.tail
        while position < counters.pointee.head {
            let record = record(at: offset(of: position))
            guard isWhole(record, at: position) else { return }
            if record.pointee.kind == Record.Kind.live { body(record) }
            position += Int64(record.pointee.length)
        }
    }
}
