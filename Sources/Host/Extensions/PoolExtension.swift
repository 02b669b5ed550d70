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
        create: { parent in
            let made = Arena.make(nil)
            if let parent { arena(parent).pointee.onDestroy(UnsafeMutableRawPointer(OwnedArena.make(made, parent))) { OwnedArena.end($0) } }
            return made.handle
        },
        destroy: { pool in OwnedArena.destroy(arena(pool)) })

    /// More than any machine has is a mistake of the caller, who is told so.
    private static func isSensible(_ size: Int) -> Bool { size >= 0 && size < 1 << 46 }

    /// What a module asks for is counted in turns that are measured.
    @inline(__always)
    private static func noted(_ size: Int) -> Int {
        if let worker = theWorkerIfAny, worker.pointee.activity.pointee.isMeasured { worker.pointee.timing.noteBytes(size) }
        return size
    }

    static func arena(_ pool: OpaquePointer?) -> Arena.Ref { Arena.Ref(pool.unsafelyUnwrapped) }
}

/// An arena that a module made below another: freed by the module, or with its parent at the latest.
private struct OwnedArena: BitwiseCopyable {
    var arena: Arena.Ref
    var isAlive: Bool

    nonisolated(unsafe) private static var owners: [Arena.Ref: UnsafeMutablePointer<OwnedArena>] = [:]

    static func make(_ arena: Arena.Ref, _ parent: OpaquePointer) -> UnsafeMutablePointer<OwnedArena> {
        let owner = PoolExtension.arena(parent).new(OwnedArena(arena: arena, isAlive: true))
        owners[arena] = owner
        return owner
    }

    static func end(_ raw: UnsafeMutableRawPointer?) {
        guard let owner = raw?.assumingMemoryBound(to: OwnedArena.self), owner.pointee.isAlive else { return }
        owners[owner.pointee.arena] = nil
        Arena.destroy(owner.pointee.arena)
    }

    static func destroy(_ arena: Arena.Ref) {
        owners.removeValue(forKey: arena)?.pointee.isAlive = false
        Arena.destroy(arena)
    }
}
