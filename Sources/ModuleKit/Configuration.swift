import ByteKit
import ModuleABI

/// A module's configuration of a server, or of a directory: a value type whose defaults are those of the directives.
///
/// Merging overlays what directives set in the inner scope on the outer one's value; a type that merges otherwise
/// implements `merged(over:)` and sets its properties with `Command.update`.
public protocol Configuration {
    init()
    /// Of a server: whether a virtual host without directives of the module has the main server's value itself. For types whose
    /// merging changes nothing then, and that are not changed after it.
    static var isInheritedWhole: Bool { get }
    /// What holds where `self` stands inside `base`. The default repeats the settings of `self` on `base`.
    func merged(over base: Self, settings: [(inout Self) -> Void]) -> Self
    /// The same for a type that keeps raw memory: what it allocates goes into `pool`, which lives as long as the result.
    /// The default ignores the pool.
    func merged(over base: Self, settings: [(inout Self) -> Void], in pool: Pool) -> Self
}

extension Configuration {
    /// Every virtual host has a value of its own.
    public static var isInheritedWhole: Bool { false }

    /// Merges without the pool.
    public func merged(over base: Self, settings: [(inout Self) -> Void], in pool: Pool) -> Self {
        merged(over: base, settings: settings)
    }

    /// Repeats the settings on `base`.
    public func merged(over base: Self, settings: [(inout Self) -> Void]) -> Self {
        var merged = base
        for setting in settings { setting(&merged) }
        return merged
    }
}

/// For modules without configuration of one kind.
public struct NoConfiguration: Configuration {
    /// There is nothing in it.
    public init() {}
}

/// A configuration as it lies in the host's pool, with the settings made in its scope.
@usableFromInline
struct Stored<C: Configuration> {
    @usableFromInline var value: C
    var settings: [(inout C) -> Void] = []

    @inlinable @inline(__always)
    static func value(_ raw: UnsafeMutableRawPointer?) -> UnsafeMutablePointer<C> {
        // `value` is the first member, so its address is the structure's.
        raw.unsafelyUnwrapped.assumingMemoryBound(to: C.self)
    }

    static func stored(_ raw: UnsafeRawPointer?) -> UnsafeMutablePointer<Stored<C>> {
        UnsafeMutableRawPointer(mutating: raw.unsafelyUnwrapped).assumingMemoryBound(to: Stored<C>.self)
    }

    static func make(_ pool: Pool, _ content: Stored<C>) -> UnsafeMutableRawPointer? {
        let size = MemoryLayout<Stored<C>>.size
        guard let place = poolTable.pointee.alloc(pool.raw, size) else { return nil }
        let stored = place.bindMemory(to: Stored<C>.self, capacity: 1)
        stored.initialize(to: content)
        _ = poolTable.pointee.on_destroy(pool.raw, Stored<C>.destroyer, Unmanaged.passRetained(Box { () -> Void in _ = stored.deinitialize(count: 1) }).toOpaque())
        return place
    }

    private static var destroyer: @convention(c) (UnsafeMutableRawPointer?) -> Void {
        { Unmanaged<Box<() -> Void>>.fromOpaque($0!).takeRetainedValue().value() }
    }
}

/// The type-erased operations of one kind of configuration.
struct ConfigurationOperations {
    let create: (Pool) -> UnsafeMutableRawPointer?
    let merge: (Pool, UnsafeRawPointer?, UnsafeRawPointer?) -> UnsafeMutableRawPointer?

    init<C: Configuration>(_ type: C.Type) {
        create = { Stored<C>.make($0, Stored(value: C())) }
        merge = { pool, base, over in
            let base = Stored<C>.stored(base)
            let over = Stored<C>.stored(over)
            let merged = over.pointee.value.merged(
                over: base.pointee.value, settings: over.pointee.settings, in: pool)
            let settings = base.pointee.settings + over.pointee.settings
            return Stored<C>.make(pool, Stored(value: merged, settings: settings))
        }
    }
}
