import ByteKit
import CSystem
import Glibc
import ModuleABI

/// Hooks that wait: suspended until somebody resumes them, or run on a thread of the blocking pool.
enum Tasks {
    // MARK: Suspension

    /// What can be resumed, by name; shared by all threads.
    private final class Table {
        private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        private var entries: [UInt64: Entry] = [:]
        private var nextID: UInt64 = 1

        struct Entry {
            var connection: UInt64
            var request: Request.Ref?
            var generation: UInt32
            var isHold = false
        }

        init() { pthread_mutex_init(lock, nil) }

        func add(_ entry: Entry) -> UInt64 {
            pthread_mutex_lock(lock)
            defer { pthread_mutex_unlock(lock) }
            defer { nextID += 1 }
            entries[nextID] = entry
            return nextID
        }

        /// The first to ask gets it.
        func take(_ id: UInt64) -> Entry? {
            pthread_mutex_lock(lock)
            defer { pthread_mutex_unlock(lock) }
            return entries.removeValue(forKey: id)
        }

        func removeAll(of connection: UInt64) {
            pthread_mutex_lock(lock)
            defer { pthread_mutex_unlock(lock) }
            entries = entries.filter { $0.value.connection != connection }
        }
    }

    nonisolated(unsafe) private static let table = Table()

    static func suspend(
        _ r: Request.Ref, _ onCancel: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?, _ ctx: UnsafeMutableRawPointer?
    ) -> UInt64 {
        if r.pointee.suspension.ending == .holdable { return hold(r) }
        r.pointee.suspension.isActive = true
        r.pointee.suspension.isPending = true
        r.pointee.suspension.early = nil
        r.pointee.suspension.generation &+= 1
        r.pointee.suspension.onCancel = onCancel
        r.pointee.suspension.cancelContext = ctx
        r.pointee.suspension.moduleIndex = UInt32(Activity.current.module)
        ModuleAccounts.add(to: .suspensions, of: Activity.current.module)
        // A suspended connection must be found by its token, also before the loop has heard of it.
        if !r.pointee.conn.pointee.isInLoop { theWorker.pointee.loop.add(r.pointee.conn) }
        r.pointee.suspension.id = table.add(
            Table.Entry(
                connection: r.pointee.conn.token, request: r, generation: r.pointee.suspension.generation))
        return r.pointee.suspension.id
    }

    /// What a hook that may suspend came to: its own status, or that of a resume that was faster.
    static func settle(_ r: Request.Ref, _ status: apus_status) -> apus_status {
        guard status == APUS_SUSPENDED else {
            if r.pointee.suspension.isActive { forget(r) }
            return status
        }
        guard r.pointee.suspension.isActive else {
            ErrorLog.write(.error, code: "APUS1401", request: r, "a hook answered SUSPENDED without a task")
            return APUS_E_FAIL
        }
        r.pointee.suspension.isPending = false
        guard let early = r.pointee.suspension.early else { return APUS_SUSPENDED }
        r.pointee.suspension.isActive = false
        return early
    }

    @inline(never)
    private static func forget(_ r: Request.Ref) {
        _ = table.take(r.pointee.suspension.id)
        r.pointee.suspension.isActive = false
        r.pointee.suspension.isPending = false
        r.pointee.suspension.generation &+= 1
    }

    /// [any thread]
    static func resume(_ id: UInt64, _ status: apus_status) -> apus_status {
        guard let entry = table.take(id) else { return APUS_E_STALE }
        if !entry.isHold, Worker.isLoopThread, theWorker.pointee.turn == nil || isPending(entry) {
            finish(entry, status)
        } else {
            theWorker.pointee.loop.call { finish(entry, status) }
        }
        return APUS_OK
    }

    /// Whether the hook of the suspension is still running: then its resume is only noted.
    private static func isPending(_ entry: Table.Entry) -> Bool {
        guard let r = entry.request, theWorker.pointee.loop.connection(entry.connection) != nil else { return false }
        return r.pointee.suspension.generation == entry.generation && r.pointee.suspension.isPending
    }

    private static func finish(_ entry: Table.Entry, _ status: apus_status) {
        guard let conn = theWorker.pointee.loop.connection(entry.connection) else { return }
        if entry.isHold { return letGo(conn) }
        guard let r = entry.request else { return resumeHandshake(conn, entry.generation, status) }
        guard conn.pointee.request != nil, r.pointee.suspension.isActive, r.pointee.suspension.generation == entry.generation
        else { return }
        if r.pointee.suspension.isPending {
            r.pointee.suspension.early = status
            return
        }
        Turn.run(conn) { goOn(r, status) }
    }

    /// [loop] Goes on with what `next` answers in the place of the hook that waits; `otherwise`: the request has gone.
    static func resume(_ id: UInt64, _ next: @escaping (Request.Ref) -> apus_status, otherwise: () -> Void) {
        guard let entry = table.take(id), let r = entry.request, let conn = theWorker.pointee.loop.connection(entry.connection),
            conn.pointee.request != nil, r.pointee.suspension.isActive, r.pointee.suspension.generation == entry.generation
        else { return otherwise() }
        Turn.run(conn) { goOn(r, next(r)) }
    }

    /// Goes on with the phases as if the hook had answered `status`.
    static func goOn(_ r: Request.Ref, _ status: apus_status) {
        let conn = r.pointee.conn
        r.pointee.suspension.isActive = false
        r.pointee.suspension.isPending = false
        if conn.pointee.wasAborted { return r.pointee.main == nil ? abandon(r) : cancel(conn.pointee.request ?? r) }
        guard Phases.resume(r, status) else { return }
        HTTP1.readable(conn)
    }

    // MARK: Ends

    /// The client has gone: a waiting hook is told, and the request ends without an answer.
    static func cancel(_ r: Request.Ref) {
        guard !r.pointee.suspension.isLent else { return releaseBorrower(r) }
        guard r.pointee.conn.pointee.holds == 0 else { return }
        SubrequestRun.cancel(r)
        giveUp(r)
        if r.pointee.conn.pointee.holds == 0 { abandon(r) }
    }

    /// What a waiting hook waits for is not wanted any more: it is told.
    static func giveUp(_ r: Request.Ref, mayBeHeld: Bool = true) {
        guard r.pointee.suspension.isActive else { return }
        let suspension = r.pointee.suspension
        forget(r)
        r.pointee.suspension.ending = mayBeHeld ? .holdable : .final
        suspension.onCancel?(suspension.cancelContext)
        r.pointee.suspension.ending = .none
    }

    // MARK: Holds

    /// The memory of a request that is given up stays until whoever was told lets go.
    private static func hold(_ r: Request.Ref) -> UInt64 {
        r.pointee.conn.pointee.holds += 1
        return table.add(Table.Entry(connection: r.pointee.conn.token, request: nil, generation: 0, isHold: true))
    }

    private static func letGo(_ conn: Connection.Ref) {
        conn.pointee.holds -= 1
        guard conn.pointee.holds == 0, let r = conn.pointee.request else { return }
        // Those that were given up outside of an end that waits for them go on by themselves.
        guard conn.pointee.wasAborted || r.pointee.suspension.isTimedOut else { return }
        Turn.run(conn) { goOn(r, 504) }
    }

    /// The thread that holds the request may be waiting for the client: it hears that nothing will come.
    private static func releaseBorrower(_ r: Request.Ref) {
        for callback in [r.pointee.response.whenReadable, r.pointee.response.whenWritable] {
            callback?.run(r)
        }
        r.pointee.response.whenReadable = nil
        r.pointee.response.whenWritable = nil
    }

    private static func abandon(_ r: Request.Ref) {
        let conn = r.pointee.conn
        r.pointee.response.keepsAlive = false
        table.removeAll(of: conn.token)
        let current = conn.pointee.request ?? r
        HookRunner.run(theWorker.pointee.logTransaction, current)
        // Nobody gets it any more, and what lends its bytes may lie in the request's memory.
        conn.pointee.output.removeAll()
        HTTP1.release(current)
        conn.close()
    }

    /// A hook waited longer than the server's Timeout: 504, with the module's name in the log.
    static func timeOut(_ r: Request.Ref) {
        guard !r.pointee.suspension.isLent, r.pointee.conn.pointee.holds == 0 else {
            return theWorker.pointee.timers.set(r.pointee.conn, theWorker.pointee.now + 1_000_000)
        }
        let suspension = r.pointee.suspension
        let module = Runtime.current?.modules[Int(suspension.moduleIndex)].name ?? "a module"
        ErrorLog.write(.error, code: "APUS1402", request: r, "\(module) suspended the request and did not resume it in time")
        SubrequestRun.cancel(r)
        giveUp(r)
        guard r.pointee.conn.pointee.holds == 0 else {
            r.pointee.suspension.isActive = true
            r.pointee.suspension.isTimedOut = true
            return theWorker.pointee.timers.set(r.pointee.conn, theWorker.pointee.now + 1_000_000)
        }
        if Phases.resume(r, 504) { HTTP1.readable(r.pointee.conn) }
    }

    // MARK: Handshakes

    static func suspend(
        handshake conn: Connection.Ref, _ onCancel: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?,
        _ ctx: UnsafeMutableRawPointer?
    ) -> UInt64 {
        ModuleAccounts.add(to: .suspensions, of: Activity.current.module)
        conn.pointee.handshakeTask &+= 1
        conn.pointee.handshakeCancel = onCancel
        conn.pointee.handshakeCancelContext = ctx
        if !conn.pointee.isInLoop { theWorker.pointee.loop.add(conn) }
        return table.add(Table.Entry(connection: conn.token, request: nil, generation: conn.pointee.handshakeTask))
    }

    /// The connection ends while its handshake waits: whoever is waited for is told.
    static func giveUp(handshake conn: Connection.Ref) {
        guard conn.pointee.handshakeTask != 0 else { return }
        conn.pointee.handshakeTask = 0
        table.removeAll(of: conn.token)
        conn.pointee.handshakeCancel?(conn.pointee.handshakeCancelContext)
    }

    private static func resumeHandshake(_ conn: Connection.Ref, _ generation: UInt32, _ status: apus_status) {
        guard conn.pointee.state == .handshake, conn.pointee.handshakeTask == generation else { return }
        conn.pointee.handshakeTask = 0
        Turn.run(conn) {
            guard status >= 0 else { return conn.close() }
            HTTP1.readable(conn)
        }
    }

    // MARK: The blocking pool

    /// Runs `fn` on the pool; its result resumes the task.
    static func runBlocking(
        _ id: UInt64, _ fn: @escaping @convention(c) (UnsafeMutableRawPointer?) -> apus_status, _ ctx: UnsafeMutableRawPointer?
    ) {
        nonisolated(unsafe) let ctx = ctx
        let module = Activity.current.module
        BlockingPool.shared.submit {
            let status = Activity.onPool(.init(module: module, .blockingWork), nil) { fn(ctx) }
            _ = resume(id, status)
        }
    }

    /// Lends the request to a thread of the pool for one hook.
    static func lend(_ r: Request.Ref, to link: apus_link) -> apus_status {
        r.pointee.suspension.isActive = true
        r.pointee.suspension.isLent = true
        r.pointee.suspension.moduleIndex = UInt32(link.callback.module)
        r.pointee.suspension.lentStore = r.pointee.arena.pointee.lend()
        let conn = r.pointee.conn
        if !conn.pointee.isInLoop { theWorker.pointee.loop.add(conn) }
        nonisolated(unsafe) let link = link
        let taken = r.pointee.arena.pointee.taken
        BlockingPool.shared.submit {
            let status = Activity.onPool(link.callback, r) {
                unsafeBitCast(link.fn, to: RequestHook.self)(link.ctx, r.handle)
            }
            theWorker.pointee.loop.call {
                let more = r.pointee.arena.pointee.taken - taken
                theWorker.pointee.accounts?.addOnLoop(Int64(more), to: .poolBytes, of: link.callback.module)
                takeBack(r, status)
            }
        }
        return APUS_SUSPENDED
    }

    private static func takeBack(_ r: Request.Ref, _ status: apus_status) {
        r.pointee.arena.pointee.endLending(r.pointee.suspension.lentStore)
        r.pointee.suspension.isLent = false
        Turn.run(r.pointee.conn) { goOn(r, status) }
    }

    /// What a call from a pool thread onto the loop came to.
    enum LoopAnswer {
        case now(apus_status, whenBelow: Int64 = .max)
        case whenReadable
    }

    fileprivate final class LoopCall {
        let body: () -> LoopAnswer
        var status: apus_status = APUS_E_CLOSED
        let done = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

        init(_ body: @escaping () -> LoopAnswer) {
            self.body = body
            sem_init(done, 0, 0)
        }

        deinit {
            sem_destroy(done)
            done.deallocate()
        }
    }

    /// Runs `body` on the loop for a thread that holds the request, and waits until it has an answer.
    static func onLoop(of r: Request.Ref, _ body: @escaping () -> LoopAnswer) -> apus_status {
        let call = LoopCall(body)
        theWorker.pointee.loop.call { Turn.run(r.pointee.conn) { attempt(call, r) } }
        while sem_wait(call.done) != 0 {}
        return call.status
    }

    private static func attempt(_ call: LoopCall, _ r: Request.Ref) {
        guard !r.pointee.conn.pointee.wasAborted else {
            call.status = APUS_E_CLOSED
            sem_post(call.done)
            return
        }
        switch call.body() {
        case .now(let status, let limit):
            call.status = status
            if status == APUS_AGAIN, ConnectionIO.pending(r.pointee.conn) + r.pointee.feed.length > limit {
                r.pointee.response.whenWritable = retry(call, signalsOnly: true)
            } else {
                sem_post(call.done)
            }
        case .whenReadable: r.pointee.response.whenReadable = retry(call, signalsOnly: false)
        }
    }

    fileprivate final class Retry {
        let call: LoopCall
        let signalsOnly: Bool
        init(_ call: LoopCall, signalsOnly: Bool) {
            self.call = call
            self.signalsOnly = signalsOnly
        }
    }

    private static func retry(_ call: LoopCall, signalsOnly: Bool) -> ResponseState.Callback {
        let box = Unmanaged.passRetained(Retry(call, signalsOnly: signalsOnly)).toOpaque()
        return ResponseState.Callback(fn: retryLoopCall, ctx: box)
    }

    fileprivate static func run(_ retry: Retry, _ r: Request.Ref) {
        guard retry.signalsOnly else { return attempt(retry.call, r) }
        retry.call.status = APUS_OK
        sem_post(retry.call.done)
    }

    // MARK: Waiting for the body

    /// Drops the request's body and goes on with `next`: for handlers that have no use for it.
    static func afterBody(_ r: Request.Ref, _ next: @escaping (Request.Ref) -> apus_status) -> apus_status {
        switch BodyInput.discard(r) {
        case APUS_OK: return next(r)
        case APUS_AGAIN: break
        case APUS_E_CLOSED:
            r.pointee.conn.pointee.wasAborted = true
            return APUS_DONE
        case let status: return status
        }
        r.pointee.suspension.isActive = true
        r.pointee.suspension.generation &+= 1
        let box = Unmanaged.passRetained(Continuation(next)).toOpaque()
        r.pointee.response.whenReadable = ResponseState.Callback(fn: continueAfterBody, ctx: box)
        return APUS_SUSPENDED
    }

    fileprivate static func goOnAfterBody(_ r: Request.Ref, _ next: @escaping (Request.Ref) -> apus_status) {
        let status = afterBody(r, next)
        if status != APUS_SUSPENDED { goOn(r, status) }
    }

    fileprivate final class Continuation {
        let next: (Request.Ref) -> apus_status
        init(_ next: @escaping (Request.Ref) -> apus_status) { self.next = next }
    }
}

private func continueAfterBody(_ raw: UnsafeMutableRawPointer?, _ r: OpaquePointer?) {
    guard let raw else { return }
    let next = Unmanaged<Tasks.Continuation>.fromOpaque(raw).takeRetainedValue().next
    Tasks.goOnAfterBody(.of(r), next)
}

private func retryLoopCall(_ raw: UnsafeMutableRawPointer?, _ r: OpaquePointer?) {
    guard let raw else { return }
    Tasks.run(Unmanaged<Tasks.Retry>.fromOpaque(raw).takeRetainedValue(), .of(r))
}

extension Phases {
    /// Goes on after a wait with the status of the hook that waited. True: the connection goes on with its next request.
    static func resume(_ r: Request.Ref, _ status: apus_status) -> Bool {
        if r.pointee.main != nil {
            SubrequestRun.resume(r, status)
            return false
        }
        let step = r.pointee.step
        if r.pointee.telling != .silent { Telling.noteResumed(r, status) }
        if status == APUS_AGAIN {
            r.pointee.link -= 1
            return HTTP1.runPhases(r)
        }
        if status == APUS_DECLINED || status == APUS_OK && theWorker.pointee.phases[step].pointee.kind != RunKind.first.rawValue {
            return HTTP1.runPhases(r)
        }
        if status == APUS_SUSPENDED { return false }
        switch verdictOfResume(step, status, r) {
        case .finished: return HTTP1.runPhases(r)
        case .answered: return HTTP1.answered(r)
        case .waiting: return false
        case .failed(let status): return ErrorResponse.answer(r, status) ? HTTP1.answered(r) : false
        }
    }
}
