import ByteKit
public import ModuleABI

/// A suspended hook: goes on when resumed, exactly once, from any thread.
public struct SuspendedTask: Sendable {
    /// Its name, which may leave a callback.
    public let id: apus_task

    /// - Returns: false when the request had gone.
    @discardableResult
    public func resume(_ status: Status) -> Bool { taskTable.pointee.resume(id, status.rawValue) == APUS_OK }

    /// Runs `body` on the blocking pool; its result resumes the task. It may touch only what it captured.
    public func runBlocking(_ body: @escaping @Sendable () -> Status) {
        let box = Unmanaged.passRetained(Box(body))
        _ = taskTable.pointee.run_blocking(
            id, { Unmanaged<Box<@Sendable () -> Status>>.fromOpaque($0!).takeRetainedValue().value().rawValue },
            box.toOpaque())
    }
}

extension Request {
    /// Suspends the hook at hand, which then returns `.suspended`. `onCancel` runs when the client has gone.
    public func suspend(onCancel: (() -> Void)? = nil) throws -> SuspendedTask {
        var task: apus_task = 0
        let box = onCancel.map { Box($0) }
        if let box { pool.onDestroy { withExtendedLifetime(box) {} } }
        let status = taskTable.pointee.suspend(
            raw, box == nil ? nil : { Unmanaged<Box<() -> Void>>.fromOpaque($0!).takeUnretainedValue().value() },
            box.map { Unmanaged.passUnretained($0).toOpaque() }, &task)
        try check(status, "cannot suspend")
        return SuspendedTask(id: task)
    }
}

extension Connection {
    /// Calls `body` once after so many microseconds, on the loop, unless the connection has gone.
    @discardableResult
    public func after(microseconds: UInt64, _ body: @escaping () -> Void) throws -> UInt64 {
        var id: UInt64 = 0
        let box = Unmanaged.passRetained(Box(body))
        let status = taskTable.pointee.timer(
            raw, microseconds, { Unmanaged<Box<() -> Void>>.fromOpaque($0!).takeRetainedValue().value() },
            box.toOpaque(), &id)
        try check(status, "cannot set a timer")
        return id
    }
}

/// Descriptors and timers of a worker's loop, for what belongs to no connection. On the loop; a context must outlive its use.
extension Host {
    /// Calls `body` each time the descriptor is ready for what the mask (APUS_FD_…) says, until `unwatch`.
    public func watch(
        _ descriptor: Int32, _ mask: UInt32, context: UnsafeMutableRawPointer?,
        _ body: @escaping @convention(c) (UnsafeMutableRawPointer?, UInt32) -> Void
    ) throws {
        try check(taskTable.pointee.watch(descriptor, mask, body, context), "cannot watch a descriptor")
    }

    /// The descriptor is not watched any more.
    public func unwatch(_ descriptor: Int32) { taskTable.pointee.unwatch(descriptor) }

    /// Calls `body` once after so many microseconds.
    /// - Returns: what `cancelTimer` wants.
    public func after(
        microseconds: UInt64, context: UnsafeMutableRawPointer?,
        _ body: @escaping @convention(c) (UnsafeMutableRawPointer?) -> Void
    ) throws -> UInt64 {
        var id: UInt64 = 0
        try check(taskTable.pointee.timer(nil, microseconds, body, context, &id), "cannot set a timer")
        return id
    }

    /// The timer of that number is not wanted any more.
    public func cancelTimer(_ id: UInt64) { taskTable.pointee.cancel_timer(id) }
}
