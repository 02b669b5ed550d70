import ModuleABI

/// The worker's event loop.
public enum Loop {
    /// Calls `body` once after so many microseconds. Answers a number to cancel it by.
    @discardableResult
    public static func after(microseconds: UInt64, _ body: @escaping () -> Void) throws -> UInt64 {
        let timer = Timer(body)
        let status = taskTable.pointee.timer(
            nil, microseconds, { Unmanaged<Timer>.fromOpaque($0!).takeUnretainedValue().expire() },
            Unmanaged.passUnretained(timer).toOpaque(), &timer.id)
        try check(status, "cannot set a timer")
        Timer.pending[timer.id] = timer
        return timer.id
    }

    /// Calls `body` on the loop, in a turn of the connection of that name if it is still there. From any thread.
    /// - Returns: false, on the loop's own thread, when the connection has gone: then `body` is not called.
    public static func enter(_ connection: apus_token, _ body: @escaping () -> Void) -> Bool {
        let box = Unmanaged.passRetained(Box(body))
        let status = taskTable.pointee.post(
            connection, { ctx, _ in Unmanaged<Box<() -> Void>>.fromOpaque(ctx!).takeRetainedValue().value() }, box.toOpaque())
        if status < 0 { box.release() }
        return status >= 0
    }

    /// The timer of that number is not wanted any more.
    public static func cancel(_ id: UInt64) {
        taskTable.pointee.cancel_timer(id)
        Timer.pending[id] = nil
    }

    /// The host forgets a timer that is cancelled, so it is owned here until then.
    private final class Timer {
        /// On the loop.
        nonisolated(unsafe) static var pending: [UInt64: Timer] = [:]
        var id: UInt64 = 0
        private let body: () -> Void

        init(_ body: @escaping () -> Void) { self.body = body }

        func expire() {
            Timer.pending[id] = nil
            body()
        }
    }
}

extension Connection {
    /// Calls `body` on the loop in a turn of this connection, unless it has gone by then. From any thread.
    public func inTurn(_ body: @escaping () -> Void) { post(Unmanaged.passRetained(Box(body)), in: token) }

    /// Does `work` on a thread of the pool, which may block, and then calls `done` in a turn of this connection, unless it has
    /// gone by then. For what no hook waits for.
    public func onPool(_ work: @escaping @Sendable () -> Void, then done: @escaping () -> Void) {
        let box = Unmanaged.passRetained(PoolWork(work: work, token: token, done: Unmanaged.passRetained(Box(done))))
        _ = taskTable.pointee.run_blocking(
            0,
            { ctx in
                let work = Unmanaged<PoolWork>.fromOpaque(ctx!).takeRetainedValue()
                work.work()
                post(work.done, in: work.token)
                return APUS_OK
            }, box.toOpaque())
    }
}

/// What a thread of the pool does. It must not let go of `done`, whose closure belongs to the loop; nor ask a connection that
/// may have gone for its token.
private final class PoolWork {
    let work: @Sendable () -> Void
    let token: apus_token
    let done: Unmanaged<Box<() -> Void>>

    init(work: @escaping @Sendable () -> Void, token: apus_token, done: Unmanaged<Box<() -> Void>>) {
        self.work = work
        self.token = token
        self.done = done
    }
}

/// Calls the closure, which is consumed, in a turn of a connection.
private func post(_ body: Unmanaged<Box<() -> Void>>, in token: apus_token) {
    let status = taskTable.pointee.post(
        token,
        { ctx, conn in
            let body = Unmanaged<Box<() -> Void>>.fromOpaque(ctx!).takeRetainedValue().value
            if conn != nil { body() }
        }, body.toOpaque())
    if status < 0 { body.release() }
}

/// Watches a descriptor for a connection: `body` runs in a turn of it, each time the descriptor is ready, until `stop`.
public final class DescriptorWatch {
    private let fd: Int32
    private let connection: Connection
    private var body: (() -> Void)?
    private var isWatching = false
    /// A turn has been asked for and has not come yet.
    private var isDue = false

    /// - Parameter mask: APUS_FD_READ or APUS_FD_WRITE.
    public init(_ fd: Int32, _ mask: UInt32, for connection: Connection, _ body: @escaping () -> Void) throws {
        self.fd = fd
        self.connection = connection
        self.body = body
        let status = taskTable.pointee.watch(
            fd, mask,
            { ctx, _ in Unmanaged<DescriptorWatch>.fromOpaque(ctx.unsafelyUnwrapped).takeUnretainedValue().becameReady() },
            Unmanaged.passUnretained(self).toOpaque())
        try check(status, "cannot watch a descriptor")
        isWatching = true
    }

    deinit { stop() }

    private func becameReady() {
        guard !isDue else { return }
        isDue = true
        connection.inTurn { [self] in
            isDue = false
            body?()
        }
    }

    /// The descriptor is not watched any more; it may be closed.
    public func stop() {
        if isWatching { taskTable.pointee.unwatch(fd) }
        isWatching = false
        body = nil
    }
}

extension Request {
    /// A suspended request may wait so long from now on, whatever Timeout says.
    public func extendDeadline(microseconds: UInt64) { taskTable.pointee.extend(raw, microseconds) }
}
