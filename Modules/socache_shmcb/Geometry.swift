import Glibc
import ModuleKit

/// How a segment is divided: a head, then parts of equal size, each with a lock, buckets and a ring of records of its own.
struct Geometry: Equatable {
    static let headSize = 128
    /// A part should hold objects of several KiB, and there should be more parts than workers.
    static let wantedPart = 16 * 1024
    static let mostParts = 64

    let total: Int
    let parts: Int
    /// Bytes of a part.
    let part: Int
    /// A power of two.
    let buckets: Int
    /// Where the ring begins in a part.
    let ring: Int
    /// Bytes of a ring.
    let capacity: Int

    /// Bytes of the longest id and data together that a part takes.
    var largestObject: Int { capacity - Record.size }

    init(total: Int) {
        self.total = total
        let usable = total - Geometry.headSize
        parts = min(Geometry.mostParts, max(1, Geometry.powerOfTwo(notAbove: usable / Geometry.wantedPart)))
        part = usable / parts / 64 * 64
        buckets = max(8, Geometry.powerOfTwo(notAbove: part / 256))
        ring = (Part.bucketOffset + buckets * MemoryLayout<UInt32>.stride + 63) / 64 * 64
        capacity = (part - ring) / 8 * 8
    }

    /// The largest power of two that is not greater, or 0.
    private static func powerOfTwo(notAbove number: Int) -> Int {
        number < 1 ? 0 : 1 << (Int.bitWidth - 1 - number.leadingZeroBitCount)
    }
}

/// The beginning of a segment, which tells a later generation what it has before it.
struct SegmentHead {
    /// Changes whenever the layout of a segment does.
    static let layout: Int64 = 0x6170_7573_6362_0001

    var layout: Int64
    var total: Int64
    /// Makes the places of objects unpredictable for whoever chooses their ids.
    var seed: UInt64
}

/// A segment: the memory that holds one cache.
struct Segment {
    let base: UnsafeMutableRawPointer
    let geometry: Geometry
    let seed: UInt64

    /// Lays out memory of zeroes.
    init(making memory: UnsafeMutableRawBufferPointer) throws {
        let start = memory.baseAddress.unsafelyUnwrapped
        base = start
        geometry = Geometry(total: memory.count)
        var seed: UInt64 = 0
        guard getentropy(&seed, MemoryLayout<UInt64>.size) == 0 else { throw ModuleError("there is no randomness") }
        self.seed = seed
        for index in 0..<geometry.parts {
            _ = try SharedMutex(at: base + Geometry.headSize + index * geometry.part)
        }
        let head = start.bindMemory(to: SegmentHead.self, capacity: 1)
        head.pointee = SegmentHead(layout: 0, total: Int64(memory.count), seed: seed)
        publish(SegmentHead.layout, at: start.assumingMemoryBound(to: Int64.self))
    }

    /// What another generation laid out; nil: it is not of this layout.
    init?(adopting memory: UnsafeMutableRawBufferPointer) {
        guard memory.count >= CyclicArgument.smallest, let start = memory.baseAddress else { return nil }
        let head = start.bindMemory(to: SegmentHead.self, capacity: 1).pointee
        guard head.layout == SegmentHead.layout, head.total == memory.count else { return nil }
        base = start
        geometry = Geometry(total: memory.count)
        seed = head.seed
    }

    /// The part that an object belongs into.
    func part(of hash: UInt64) -> Part { part(Int(hash >> 56) & (geometry.parts - 1)) }

    func part(_ index: Int) -> Part {
        Part(base: base + Geometry.headSize + index * geometry.part, geometry: geometry, seed: seed)
    }
}
