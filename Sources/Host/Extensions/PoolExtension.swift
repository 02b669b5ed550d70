import ByteKit
import ModuleABI

/// apus/pool.h
enum PoolExtension {
    static let table = apus_pool_v1(
        size: Extensions.size(apus_pool_v1.self), reserved: 0,
        alloc: { pool, n in isSensible(n) ? arena(pool).pointee.allocate(noted(n)) : nil },
        zalloc: { pool, n in isSensible(n) ? arena(pool).pointee.zeroed(noted(n)) : nil },
        dup: { pool, s in s.isEmpty ? arena(pool).copy(Bytes("")) : arena(pool).copy(s.upTo(noted(s.count))) },
        on_destroy: { pool, fn, ctx in
            guard let fn else { return APUS_E_INVALID }
            arena(pool).pointee.onDestroy(ctx, fn)
            return APUS_OK
        },
        create: { parent in OwnedArena.make(parent).handle },
        destroy: { pool in OwnedArena.destroy(arena(pool)) })

    /// More than any machine has is a mistake of the caller, who is told so.
    private static func isSensible(_ size: Int) -> Bool { size >= 0 && size < 1 << 46 }

    /// What a module asks for on the loop is counted in turns that are measured.
    @inline(__always)
    private static func noted(_ size: Int) -> Int {
        if let worker = theWorkerIfAny, worker.pointee.activity.isMeasured { worker.pointee.timing.noteBytes(size) }
        return size
    }

    static func arena(_ pool: OpaquePointer?) -> Arena.Ref { Arena.Ref(pool.unsafelyUnwrapped) }
}

/// An arena that a module made: freed by the module, or with its parent at the latest. What the parent knows of it lies in the
/// parent; the first thing in the arena leads there. So no two threads with pools of their own meet.
private struct OwnedArena: BitwiseCopyable {
    var arena: Arena.Ref
    var isAlive = true

    private typealias Link = UnsafeMutablePointer<OwnedArena>?

    static func make(_ parent: OpaquePointer?) -> Arena.Ref {
        let made = Arena.make(nil)
        let link = made.allocate(Link.self)
        link.initialize(to: nil)
        if let parent {
            let record = PoolExtension.arena(parent).new(OwnedArena(arena: made))
            link.pointee = record
            PoolExtension.arena(parent).pointee.onDestroy(record) { raw in
                guard let record = raw?.assumingMemoryBound(to: OwnedArena.self), record.pointee.isAlive else { return }
                Arena.destroy(record.pointee.arena)
            }
        }
        return made
    }

    static func destroy(_ arena: Arena.Ref) {
        arena.firstAllocation.load(as: Link.self)?.pointee.isAlive = false
        Arena.destroy(arena)
    }
}
