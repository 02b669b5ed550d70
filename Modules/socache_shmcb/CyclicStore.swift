import ModuleKit

/// A cache in shared memory.
final class CyclicStore: ObjectStore {
    private let host: Host
    private let size: Int
    private var path: String
    private var name = ""
    private var segment: Segment?

    init(_ host: Host, _ argument: CyclicArgument, _ command: Command) {
        self.host = host
        size = argument.size
        path = argument.path.isEmpty ? "" : command.resolve(argument.path).string
    }

    override func open(_ name: Bytes, _ hints: ObjectHints, reason: UInt32) throws {
        guard reason != APUS_OPEN_CHECK else { return }
        self.name = name.string
        // Paths can be longer than the name of a segment.
        let place = path.withUTF8 { Mixer.hash(UnsafeRawBufferPointer($0), seed: 0) }
        let label = "\(self.name) \(String(place, radix: 36)) \(SegmentHead.layout & 0xffff)"
        let before = host.previousMemory(label).flatMap { Segment(adopting: $0) }
        let (memory, isInherited) = try host.lastingMemory(label, bytes: size)
        if isInherited, let adopted = Segment(adopting: memory) {
            segment = adopted
            return
        }
        let made = try Segment(making: memory)
        segment = made
        if let before { move(from: before, to: made) }
    }

    override func store(_ id: Bytes, expires: Int64, _ data: Bytes) -> apus_status {
        guard let segment else { return APUS_E_INVALID }
        return keep(id, expires, data, in: segment, now: host.now)
    }

    private func keep(_ id: Bytes, _ expires: Int64, _ data: Bytes, in segment: Segment, now: Int64) -> apus_status {
        let most = segment.geometry.largestObject
        guard id.count <= most, data.count <= most - id.count else { return APUS_E_TOO_BIG }
        let hash = Mixer.hash(id.buffer, seed: segment.seed)
        locked(segment.part(of: hash)) { $0.store(id, hash, expires: expires, data, now: now) }
        return APUS_OK
    }

    override func retrieve(
        _ id: Bytes, in pool: Pool, _ data: inout Bytes, _ done: apus_socache_done_fn?, _ context: UnsafeMutableRawPointer?
    ) -> apus_status {
        guard let segment else { return APUS_E_INVALID }
        let hash = Mixer.hash(id.buffer, seed: segment.seed)
        let found = locked(segment.part(of: hash)) { part in
            part.retrieve(id, hash, now: host.now).map { pool.copy($0) }
        }
        guard let found else { return APUS_E_NOT_FOUND }
        data = found
        return APUS_OK
    }

    override func remove(_ id: Bytes) -> apus_status {
        guard let segment else { return APUS_E_INVALID }
        let hash = Mixer.hash(id.buffer, seed: segment.seed)
        locked(segment.part(of: hash)) { $0.remove(id, hash) }
        return APUS_OK
    }

    private func locked<R>(_ part: Part, _ body: (Part) -> R) -> R {
        let lock = part.lock
        let recovered: Bool
        if let taken = lock.tryLock() {
            recovered = taken
        } else {
            recovered = lock.lock()
            part.counters.pointee.contended += 1
        }
        defer { lock.unlock() }
        if recovered { recover(part) }
        return body(part)
    }

    private func recover(_ part: Part) {
        part.recover()
        host.log.write(
            .warn, code: "APUS4010",
            "a process died while it used the cache \(name); its \(part.counters.pointee.live) other objects there are kept")
    }

    // What a reload with another size takes along.

    private func move(from old: Segment, to new: Segment) {
        let now = host.clock
        var objects: [(expires: Int64, id: [UInt8], data: [UInt8])] = []
        for index in 0..<old.geometry.parts {
            locked(old.part(index)) { part in
                part.each { record in
                    guard record.pointee.expires > now else { return }
                    objects.append(
                        (record.pointee.expires, Array(part.id(of: record).buffer), Array(part.data(of: record).buffer)))
                }
            }
        }
        // Those that live longest are put in last, so that they stay when there is no room for all.
        objects.sort { $0.expires < $1.expires }
        for object in objects {
            object.id.withUnsafeBytes { id in
                object.data.withUnsafeBytes { data in
                    _ = keep(Bytes(id), object.expires, Bytes(data), in: new, now: now)
                }
            }
        }
        host.log.write(
            .info, code: "APUS4011",
            "the cache \(name) has another size now; \(objects.count) objects moved into its new memory")
    }

    override func status(_ fact: (_ name: StaticString, _ value: String) -> Void) {
        guard let segment else { return }
        var sum = Counters.zero
        for index in 0..<segment.geometry.parts { locked(segment.part(index)) { sum.add($0.counters.pointee) } }
        fact("cache type", "SHMCB")
        fact("shared memory", "\(segment.geometry.total)")
        fact("subcaches", "\(segment.geometry.parts)")
        fact("largest object", "\(segment.geometry.largestObject)")
        fact("current entries", "\(sum.live)")
        fact("bytes used", "\(sum.head - sum.tail)")
        fact("stores", "\(sum.stores)")
        fact("replaced", "\(sum.replaced)")
        fact("expired", "\(sum.expired)")
        fact("scrolled out", "\(sum.scrolled)")
        fact("hits", "\(sum.hits)")
        fact("misses", "\(sum.misses)")
        fact("removes", "\(sum.removes)")
        fact("remove misses", "\(sum.removeMisses)")
        fact("lock contention", "\(sum.contended)")
        fact("recovered", "\(sum.recovered)")
    }
}

extension Counters {
    static var zero: Counters {
        Counters(
            head: 0, tail: 0, live: 0, stores: 0, replaced: 0, expired: 0, scrolled: 0, hits: 0, misses: 0, removes: 0,
            removeMisses: 0, contended: 0, recovered: 0)
    }

    mutating func add(_ other: Counters) {
        head += other.head
        tail += other.tail
        live += other.live
        stores += other.stores
        replaced += other.replaced
        expired += other.expired
        scrolled += other.scrolled
        hits += other.hits
        misses += other.misses
        removes += other.removes
        removeMisses += other.removeMisses
        contended += other.contended
        recovered += other.recovered
    }
}
