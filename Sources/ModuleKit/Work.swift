import ByteKit
public import ModuleABI

/// The slow part of a provider's decision: made on the loop, done on a pool thread, noted on the loop.
public protocol DeferredWork: AnyObject {
    /// Does it, once, on any thread: touches nothing but its own properties.
    func run() -> apus_status
    /// Takes note of the answer, on the loop.
    func finish(_ request: Request, _ answer: apus_status)
}

extension apus_work {
    /// Room for the work that a provider hands out.
    public static var empty: apus_work {
        apus_work(size: UInt32(MemoryLayout<apus_work>.size), reserved: 0, run: nil, finish: nil, release: nil, state: nil)
    }

    /// Work of the module's own.
    public init(_ work: any DeferredWork, host: UnsafePointer<apus_host>) {
        self = .empty
        withUnsafeMutablePointer(to: &self) { $0.hand(out: work, host: host) }
    }
}

extension UnsafeMutablePointer<apus_work> {
    /// Hands work out to whoever asked, whose structure may be an older and shorter one.
    public func hand(out work: any DeferredWork, host: UnsafePointer<apus_host>) {
        pointee.run = { Unmanaged<HookBox<any DeferredWork>>.fromOpaque($0!).takeUnretainedValue().body.run() }
        pointee.finish = { state, r, answer in
            let box = Unmanaged<HookBox<any DeferredWork>>.fromOpaque(state!).takeUnretainedValue()
            box.body.finish(Request(r!, host: box.host), answer)
        }
        pointee.release = { Unmanaged<HookBox<any DeferredWork>>.fromOpaque($0!).release() }
        pointee.state = Unmanaged.passRetained(HookBox(host: host, work)).toOpaque()
    }
}

/// Work that a request waits for. Freed when both the request and the thread that does it have let go.
private final class WaitedWork: @unchecked Sendable {
    let work: apus_work
    let tag: Int
    var answer: apus_status = APUS_E_FAIL

    init(_ work: apus_work, tag: Int) {
        self.work = work
        self.tag = tag
    }

    deinit { work.release?(work.state) }
}

extension Request {
    /// Has work done that a provider handed out; for hooks that may suspend, in modules that use the request's slot for
    /// nothing else. `tag` is the hook's own, to know later what it waited for.
    /// - Returns: the answer where waiting is not possible, in a sub-request; else nil: the hook returns `.suspended`, is
    ///   called again, and finds the answer with `finishedWork`.
    public func wait(for work: apus_work, tag: Int = 0) throws -> apus_status? {
        let waited = WaitedWork(work, tag: tag)
        guard !isSubrequest else {
            let answer = work.run?(work.state) ?? APUS_E_FAIL
            work.finish?(work.state, raw, answer)
            return answer
        }
        let task = try suspend()
        slot = Unmanaged.passUnretained(waited).toOpaque()
        // The pool's reference outlives the slot's use; the thread's own may outlive the request.
        pool.onDestroy { withExtendedLifetime(waited) {} }
        task.runBlocking {
            waited.answer = waited.work.run?(waited.work.state) ?? APUS_E_FAIL
            return .again
        }
        return nil
    }

    /// Has the hook called again after a while, when `finishedWork` answers APUS_AGAIN with the tag. Nothing in a sub-request,
    /// for which nothing can wait.
    public func pause(microseconds: UInt64, tag: Int) throws {
        guard !isSubrequest else { return }
        let waited = WaitedWork(apus_work(), tag: tag)
        waited.answer = APUS_AGAIN
        let task = try suspend()
        slot = Unmanaged.passUnretained(waited).toOpaque()
        pool.onDestroy { withExtendedLifetime(waited) {} }
        // A timer of the worker, which runs in any case: one of the connection would not when that has gone.
        let box = Unmanaged.passRetained(Box { () -> Void in task.resume(.again) })
        let status = taskTable.pointee.timer(
            nil, microseconds, { Unmanaged<Box<() -> Void>>.fromOpaque($0!).takeRetainedValue().value() }, box.toOpaque(), nil)
        if status < 0 { box.release() }
        try check(status, "cannot set a timer")
    }

    /// The answer of the work that the hook has waited for, once; nil: it has not waited.
    public func finishedWork() -> (answer: apus_status, tag: Int)? {
        guard let raw = slot else { return nil }
        slot = nil
        let waited = Unmanaged<WaitedWork>.fromOpaque(raw).takeUnretainedValue()
        waited.work.finish?(waited.work.state, self.raw, waited.answer)
        return (waited.answer, waited.tag)
    }
}
