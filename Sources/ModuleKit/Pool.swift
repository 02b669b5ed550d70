public import ByteKit
public import ModuleABI

/// Memory that is freed at once: with a request, a connection, or the configuration.
public struct Pool: @unchecked Sendable {
    /// The handle, for functions of apus/pool.h that have no face here.
    public let raw: OpaquePointer

    /// A pool of the host's.
    @inlinable public init(_ raw: OpaquePointer) { self.raw = raw }

    /// Uninitialised room for `count` values of a trivial type.
    @inlinable
    public func allocate<T: BitwiseCopyable>(_ type: T.Type = T.self, count: Int = 1) -> UnsafeMutablePointer<T> {
        poolTable.pointee.alloc(raw, max(count, 1) * MemoryLayout<T>.stride).unsafelyUnwrapped
            .bindMemory(to: T.self, capacity: count)
    }

    /// A copy of the bytes, followed by a NUL byte.
    @inlinable
    public func copy(_ bytes: Bytes) -> Bytes { poolTable.pointee.dup(raw, bytes) }

    /// A copy of the text as UTF-8, followed by a NUL byte.
    public func copy(_ text: String) -> Bytes {
        var text = text
        return text.withUTF8 { copy(Bytes(UnsafeRawBufferPointer($0))) }
    }

    /// A copy of the array that lives as long as the pool.
    public func copy<T: BitwiseCopyable>(_ array: [T]) -> UnsafeBufferPointer<T> {
        let place = allocate(T.self, count: array.count)
        for (index, element) in array.enumerated() { (place + index).initialize(to: element) }
        return UnsafeBufferPointer(start: place, count: array.count)
    }

    /// Calls `body` when the pool is freed; last registered, first called.
    public func onDestroy(_ body: @escaping () -> Void) {
        let box = Unmanaged.passRetained(Box(body))
        _ = poolTable.pointee.on_destroy(raw, { Unmanaged<Box<() -> Void>>.fromOpaque($0!).takeRetainedValue().value() }, box.toOpaque())
    }
}

/// A value behind a reference, so that a C context pointer can hold it.
final class Box<Value> {
    let value: Value
    init(_ value: Value) { self.value = value }
}
