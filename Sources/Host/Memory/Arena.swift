import ByteKit
import Glibc
import ModuleABI

/// A block of an arena; the usable bytes follow the header.
private struct Chunk {
    var next: UnsafeMutablePointer<Chunk>?
    var capacity: Int
}

/// Standard blocks that arenas of one worker hand back and forth, so that a request allocates nothing after warm-up.
///
/// Confined to the worker's loop thread; an arena lent to another thread takes its blocks from malloc.
struct ChunkStore {
    static let standard = 8 << 10
    /// Blocks kept at most: beyond it they go back to malloc.
    static let kept = 256

    fileprivate var free: UnsafeMutablePointer<Chunk>?
    fileprivate var count = 0

    fileprivate mutating func take() -> UnsafeMutablePointer<Chunk>? {
        guard let chunk = free else { return nil }
        free = chunk.pointee.next
        chunk.pointee.next = nil
        count &-= 1
        return chunk
    }

    fileprivate mutating func give(_ chunk: UnsafeMutablePointer<Chunk>) -> Bool {
        guard count < ChunkStore.kept else { return false }
        chunk.pointee.next = free
        free = chunk
        count &+= 1
        return true
    }
}

/// What is called when an arena goes.
private struct Cleanup {
    var next: UnsafeMutablePointer<Cleanup>?
    var fn: @convention(c) (UnsafeMutableRawPointer?) -> Void
    var ctx: UnsafeMutableRawPointer?
}

/// Memory that is freed at once: what a module knows as apus_pool.
///
/// Invariants: the Arena itself lies at the start of its first chunk; `cursor <= limit`, both inside `chunks`, the
/// newest chunk; every address handed out is aligned to 16 bytes and lives until `destroy`.
struct Arena {
    private var cursor: UnsafeMutableRawPointer
    private var limit: UnsafeMutableRawPointer
    private var chunks: UnsafeMutablePointer<Chunk>
    private var store: UnsafeMutablePointer<ChunkStore>?
    private var cleanups: UnsafeMutablePointer<Cleanup>?

    typealias Ref = UnsafeMutablePointer<Arena>

    private static let header = 16

    /// `first`: how many bytes the first block holds, the arena's own among them; standard ones are the cheapest.
    static func make(_ store: UnsafeMutablePointer<ChunkStore>?, first: Int = ChunkStore.standard - header) -> Ref {
        let chunk = newChunk(atLeast: first, first == ChunkStore.standard - header ? store : nil, least: first)
        let start = UnsafeMutableRawPointer(chunk) + header
        let arena = start.bindMemory(to: Arena.self, capacity: 1)
        let own = (MemoryLayout<Arena>.size + 15) & ~15
        arena.initialize(
            to: Arena(
                cursor: start + own, limit: start + chunk.pointee.capacity, chunks: chunk, store: store, cleanups: nil))
        return arena
    }

    /// Memory is never refused: a server that cannot get a few kilobytes ends here, with the reason, instead of
    /// answering from half-made state.
    private static func newChunk(
        atLeast size: Int, _ store: UnsafeMutablePointer<ChunkStore>?, least: Int = ChunkStore.standard - header
    ) -> UnsafeMutablePointer<Chunk> {
        if size <= ChunkStore.standard - header, let chunk = store?.pointee.take() { return chunk }
        let capacity = max(size, least)
        guard let raw = malloc(capacity + header) else { outOfMemory(capacity) }
        let chunk = raw.bindMemory(to: Chunk.self, capacity: 1)
        chunk.initialize(to: Chunk(next: nil, capacity: capacity))
        return chunk
    }

    @inline(__always)
    mutating func allocate(_ size: Int) -> UnsafeMutableRawPointer {
        let place = cursor
        let rounded = (size &+ 15) & ~15
        if rounded <= limit - place, size >= 0 {
            cursor = place + rounded
            return place
        }
        return allocateInNewChunk(size)
    }

    @inline(never)
    private mutating func allocateInNewChunk(_ size: Int) -> UnsafeMutableRawPointer {
        guard size >= 0, size < Int.max / 2 else { outOfMemory(size) }
        let rounded = (size + 15) & ~15
        let chunk = Arena.newChunk(atLeast: rounded, store)
        chunk.pointee.next = chunks
        chunks = chunk
        let start = UnsafeMutableRawPointer(chunk) + Arena.header
        cursor = start + rounded
        limit = start + chunk.pointee.capacity
        return start
    }

    /// Bytes handed out so far, with what was left over at the end of its blocks.
    var taken: Int {
        var total = 0
        var next: UnsafeMutablePointer<Chunk>? = chunks
        while let chunk = next {
            total += chunk.pointee.capacity
            next = chunk.pointee.next
        }
        return total - (limit - cursor)
    }

    mutating func zeroed(_ size: Int) -> UnsafeMutableRawPointer {
        let place = allocate(size)
        memset(place, 0, size)
        return place
    }

    mutating func onDestroy(_ ctx: UnsafeMutableRawPointer?, _ fn: @escaping @convention(c) (UnsafeMutableRawPointer?) -> Void) {
        let cleanup = allocate(MemoryLayout<Cleanup>.size).bindMemory(to: Cleanup.self, capacity: 1)
        cleanup.initialize(to: Cleanup(next: cleanups, fn: fn, ctx: ctx))
        cleanups = cleanup
    }

    /// While another thread holds the arena its blocks come from malloc. Returns what to give back to `endLending`.
    mutating func lend() -> UnsafeMutablePointer<ChunkStore>? {
        defer { store = nil }
        return store
    }

    mutating func endLending(_ store: UnsafeMutablePointer<ChunkStore>?) { self.store = store }

    /// Runs the clean-ups, last registered first, and gives all memory back, the arena's own included.
    static func destroy(_ arena: Ref) {
        while let cleanup = arena.pointee.cleanups {
            arena.pointee.cleanups = cleanup.pointee.next
            cleanup.pointee.fn(cleanup.pointee.ctx)
        }
        let store = arena.pointee.store
        var next: UnsafeMutablePointer<Chunk>? = arena.pointee.chunks
        while let chunk = next {
            next = chunk.pointee.next
            let isStandard = chunk.pointee.capacity == ChunkStore.standard - header
            if let store, isStandard, store.pointee.give(chunk) { continue }
            free(chunk)
        }
    }
}

extension UnsafeMutablePointer where Pointee == Arena {
    /// Where the first thing lies that was allocated.
    var firstAllocation: UnsafeMutableRawPointer { UnsafeMutableRawPointer(self) + ((MemoryLayout<Arena>.size + 15) & ~15) }

    var handle: OpaquePointer { OpaquePointer(self) }

    @inline(__always)
    func allocate<T>(_ type: T.Type = T.self, count: Int = 1) -> UnsafeMutablePointer<T> {
        pointee.allocate(MemoryLayout<T>.stride &* count).bindMemory(to: T.self, capacity: count)
    }

    /// One value in the arena; its deinitialiser never runs, so it must be trivial.
    @inline(__always)
    func new<T: BitwiseCopyable>(_ value: T) -> UnsafeMutablePointer<T> {
        let place = allocate(T.self)
        place.initialize(to: value)
        return place
    }

    /// A copy of the bytes followed by a NUL byte, so that it also serves as a C string.
    @inline(__always)
    func copy(_ bytes: Bytes) -> Bytes {
        guard let source = bytes.ptr else { return .none }
        let place = pointee.allocate(bytes.count &+ 1)
        memcpy(place, source, bytes.count)
        place.storeBytes(of: 0, toByteOffset: bytes.count, as: UInt8.self)
        return Bytes(place, count: bytes.count)
    }

    func copy(_ text: String) -> Bytes {
        var text = text
        return text.withUTF8 { utf8 in
            utf8.isEmpty ? copy(Bytes("")) : copy(Bytes(UnsafeRawBufferPointer(utf8)))
        }
    }

    func copy(_ bytes: [UInt8]) -> Bytes {
        bytes.isEmpty ? copy(Bytes("")) : bytes.withUnsafeBytes { copy(Bytes($0)) }
    }

    func copy<T: BitwiseCopyable>(_ array: [T]) -> UnsafeMutableBufferPointer<T> {
        let place = allocate(T.self, count: array.count)
        for (index, element) in array.enumerated() { (place + index).initialize(to: element) }
        return UnsafeMutableBufferPointer(start: place, count: array.count)
    }

    /// The bytes of all parts, one after another, followed by a NUL byte.
    func join(_ a: Bytes, _ b: Bytes, _ c: Bytes = .none) -> Bytes {
        let total = a.count + b.count + c.count
        let place = pointee.allocate(total + 1)
        if let source = a.ptr { memcpy(place, source, a.count) }
        if let source = b.ptr { memcpy(place + a.count, source, b.count) }
        if let source = c.ptr { memcpy(place + a.count + b.count, source, c.count) }
        place.storeBytes(of: 0, toByteOffset: total, as: UInt8.self)
        return Bytes(place, count: total)
    }
}

func outOfMemory(_ size: Int) -> Never {
    var line = "apus: out of memory: \(size) bytes refused\n"
    line.withUTF8 { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
    exit(71)
}
