import ByteKit
import ModuleABI

/// The steps of a request, in httpd's order and by its names.
enum Step: UInt8 {
    case postReadRequest, quickHandler, translateName, mapToStorage, headerParser
    case accessChecker, accessCheckerEx, checkUserID, authChecker
    case typeChecker, fixups, insertFilter, handler, done

    /// The step after this one. Not asked of `done`, so the value is always one of them.
    @inline(__always)
    var next: Step { unsafeBitCast(rawValue &+ 1, to: Step.self) }

    /// Whether a phase that no hook has answered ends otherwise than in the next.
    @inline(__always)
    var wantsAnswer: Bool { self == .accessCheckerEx || self == .checkUserID || self == .authChecker || self == .handler }

    /// Whether a phase may end otherwise than in the next when its hooks are content.
    @inline(__always)
    var isSpecial: Bool { wantsAnswer || self == .quickHandler || self == .accessChecker }

    var hook: BuiltInHook {
        switch self {
        case .postReadRequest: .postReadRequest
        case .quickHandler: .quickHandler
        case .translateName: .translateName
        case .mapToStorage: .mapToStorage
        case .headerParser: .headerParser
        case .accessChecker: .accessChecker
        case .accessCheckerEx: .accessCheckerEx
        case .checkUserID: .checkUserID
        case .authChecker: .authChecker
        case .typeChecker: .typeChecker
        case .fixups: .fixups
        case .insertFilter: .insertFilter
        case .handler, .done: .handler
        }
    }
}

typealias RequestHook = @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?) -> apus_status

/// The frozen links of the request steps: what `runPhases` walks.
struct PhaseTable {
    private let hooks: UnsafeMutablePointer<FrozenHook>

    init(_ registry: HookRegistry) {
        hooks = .allocate(capacity: Int(Step.done.rawValue) + 1)
        for raw in 0...Step.done.rawValue {
            guard let step = Step(rawValue: raw) else { continue }
            (hooks + Int(raw)).initialize(to: registry[step.hook].pointee)
        }
    }

    @inline(__always)
    subscript(step: Step) -> UnsafeMutablePointer<FrozenHook> { hooks + Int(step.rawValue) }
}

/// Walks a request through its phases until it is answered, refused, suspended or lent out.
enum Phases {
    enum Outcome: Equatable {
        /// All phases up to the limit have run.
        case finished
        /// A hook answered the request, or an error page did.
        case answered
        /// A hook will go on later.
        case waiting
        /// An HTTP status or an error ends the phases.
        case failed(apus_status)
    }

    /// Runs the phases from where the request stands up to `last`, which is included.
    static func run(_ r: Request.Ref, upTo last: Step) -> Outcome {
        while r.pointee.step.rawValue <= last.rawValue {
            let step = r.pointee.step
            if step == .accessChecker, AccessRules.isSettled(r) {
                r.pointee.step = .typeChecker
                continue
            }
            let hook = theWorker.pointee.phases[step]
            // Most phases have nothing to do; in some, that nobody has says something.
            if hook.pointee.count == 0, !step.wantsAnswer {
                r.pointee.step = step.next
                continue
            }
            // It is about the fields that a client sent.
            if step == .headerParser, r.pointee.main != nil {
                r.pointee.step = step.next
                continue
            }
            let status = r.pointee.telling == .silent ? runStep(r, hook) : tellStep(r, step, hook)
            if status == APUS_SUSPENDED { return .waiting }
            if status == APUS_OK || status == APUS_DECLINED, !step.isSpecial {
                r.pointee.step = step.next
                r.pointee.link = 0
                continue
            }
            switch verdict(step, status, r) {
            case .advance(let next):
                r.pointee.step = next
                r.pointee.link = 0
            case .stop(let outcome): return outcome
            }
        }
        return .finished
    }

    private enum Verdict {
        case advance(Step)
        case stop(Outcome)
    }

    /// What a hook's late answer means: `.finished` when the phases go on.
    static func verdictOfResume(_ step: Step, _ status: apus_status, _ r: Request.Ref) -> Outcome {
        switch verdict(step, status, r) {
        case .stop(let outcome): return outcome
        case .advance(let next):
            r.pointee.step = next
            r.pointee.link = 0
            return .finished
        }
    }

    /// What follows from a step's result: where httpd's rules for each phase stand.
    private static func verdict(_ step: Step, _ status: apus_status, _ r: Request.Ref) -> Verdict {
        if step == .accessChecker, AccessRules.isEitherEnough(r) {
            if status == APUS_OK { return .advance(.typeChecker) }
            if status >= 400 { return .advance(.accessCheckerEx) }
        }
        switch status {
        case APUS_OK where step == .quickHandler || step == .handler: return .stop(answered(step, r))
        case APUS_OK where step == .accessCheckerEx: return .advance(.typeChecker)
        case APUS_OK: return .advance(step.next)
        case APUS_DONE: return .stop(answered(step, r))
        case APUS_DECLINED: return declined(step, r)
        default:
            if status < 0 || status >= 500 { noteError(step, status, r) }
            return .stop(.failed(status))
        }
    }

    /// An answer of the module's own may be one that says that it failed. The page for an error bears its status, too.
    @inline(__always)
    private static func answered(_ step: Step, _ r: Request.Ref) -> Outcome {
        if r.pointee.status >= 500, !r.pointee.isInErrorPage { noteError(step, r.pointee.status, r) }
        return .answered
    }

    /// A hook failed: whose it was, and which.
    @inline(never)
    private static func noteError(_ step: Step, _ status: apus_status, _ r: Request.Ref) {
        let index = r.pointee.link - 1
        let hook = theWorker.pointee.phases[step]
        let module = index >= 0 && index < hook.pointee.count ? hook.pointee.links?[index].callback.module ?? 0 : 0
        // That a filter failed is counted already; the hook that wrote to it passes it on.
        if status >= 0 || !r.pointee.filterHasFailed { ModuleAccounts.add(to: .errors, of: module) }
        guard status < 0 else { return }
        ErrorLog.write(
            .error, code: "APUS1201", request: r,
            "\(Runtime.nameOfModule(module)) failed in hook \(step.hook.name) with status \(status)")
    }

    private static func declined(_ step: Step, _ r: Request.Ref) -> Verdict {
        switch step {
        case .checkUserID, .authChecker:
            // Somebody demands to know the user, and no module can say who it is.
            ErrorLog.write(
                .error, code: "AH00027", request: r,
                "authentication is required, but no loaded module can check the user: add AuthType and its provider")
            return .stop(.failed(500))
        case .handler:
            return .stop(.failed(404))
        case .accessCheckerEx where !theWorker.pointee.asksForUsers:
            return .advance(.typeChecker)
        default: return .advance(step.next)
        }
    }

    /// Runs the links of one hook from where the request stands.
    @inline(__always)
    private static func runStep(_ r: Request.Ref, _ hook: UnsafeMutablePointer<FrozenHook>) -> apus_status {
        guard !theWorker.pointee.activity.isMeasured else { return runMeasuredStep(r, hook) }
        return runLinks(r, hook) { link in
            theWorker.pointee.activity.callback = link.pointee.reserved
            let isPlain = link.pointee.flags & ~APUS_HOOK_EXPLAINABLE == 0
            return isPlain
                ? unsafeBitCast(link.pointee.fn, to: RequestHook.self)(link.pointee.ctx, r.handle) : call(link.pointee, r)
        }
    }

    @inline(never)
    private static func runMeasuredStep(_ r: Request.Ref, _ hook: UnsafeMutablePointer<FrozenHook>) -> apus_status {
        runLinks(r, hook) { call($0.pointee, r) }
    }

    @inline(__always)
    private static func runLinks(
        _ r: Request.Ref, _ hook: UnsafeMutablePointer<FrozenHook>, _ run: (UnsafePointer<apus_link>) -> apus_status
    ) -> apus_status {
        let kind = hook.pointee.kind
        let unchanged = kind == RunKind.first.rawValue ? APUS_DECLINED : APUS_OK
        guard let links = hook.pointee.links else { return unchanged }
        let count = hook.pointee.count
        var index = r.pointee.link
        let activity = theWorker.pointee.activity
        let outer = activity.callback
        defer { activity.callback = outer }
        while index < count {
            let link = links + index
            index &+= 1
            r.pointee.link = index
            let status = run(link)
            // A hook without an answer leaves anything in its place.
            if status == APUS_DECLINED || status == unchanged || kind == RunKind.void.rawValue { continue }
            guard status == APUS_AGAIN else { return status }
            index &-= 1
        }
        return unchanged
    }

    /// Calls a hook of any kind: one that may wait, or is left out for some requests.
    @inline(never)
    static func call(_ link: apus_link, _ r: Request.Ref) -> apus_status {
        if link.flags & ~APUS_HOOK_EXPLAINABLE == 0 { return invoke(link, r) }
        if link.flags & APUS_HOOK_INITIAL_ONLY != 0, r.pointee.main != nil || r.pointee.previous != nil { return APUS_DECLINED }
        // Whoever looks up a sub-request has its answer when the call returns: there is no waiting for it.
        if link.flags & APUS_HOOK_MAY_BLOCK != 0, r.pointee.main == nil { return Tasks.lend(r, to: link) }
        return Tasks.settle(r, invoke(link, r))
    }

    @inline(__always)
    static func invoke(_ link: apus_link, _ r: Request.Ref) -> apus_status {
        let activity = theWorker.pointee.activity
        let outer = activity.callback
        Activity.enter(link.reserved, from: outer, activity)
        defer { Activity.leave(link.reserved, to: outer, activity) }
        return unsafeBitCast(link.fn, to: RequestHook.self)(link.ctx, r.handle)
    }
}

/// Runs hooks outside the request phases.
enum HookRunner {
    /// v(x)
    static func runPlain(_ hook: UnsafePointer<FrozenHook>) {
        each(hook) { link in
            unsafeBitCast(link.fn, to: (@convention(c) (UnsafeMutableRawPointer?) -> Void).self)(link.ctx)
            return APUS_OK
        }
    }

    /// i(x): the first error.
    static func runAll(_ hook: UnsafePointer<FrozenHook>) -> apus_status {
        each(hook) { unsafeBitCast($0.fn, to: (@convention(c) (UnsafeMutableRawPointer?) -> apus_status).self)($0.ctx) }
    }

    /// i(xuU): runs all of them whatever they answer, so that every module's errors are seen.
    static func runOpenConfig(_ hook: UnsafePointer<FrozenHook>, _ reason: UInt32, _ generation: UInt64) -> [Int] {
        var failed: [Int] = []
        each(hook) { link in
            let fn = unsafeBitCast(link.fn, to: (@convention(c) (UnsafeMutableRawPointer?, UInt32, UInt64) -> apus_status).self)
            if fn(link.ctx, reason, generation) < 0 { failed.append(link.callback.module) }
            return APUS_OK
        }
        return failed
    }

    /// i(xC) and v(xC)
    static func run(_ hook: UnsafePointer<FrozenHook>, _ conn: Connection.Ref, isVoid: Bool) -> apus_status {
        each(hook) { link in
            if isVoid {
                unsafeBitCast(link.fn, to: (@convention(c) (UnsafeMutableRawPointer?, OpaquePointer?) -> Void).self)(link.ctx, conn.handle)
                return APUS_OK
            }
            return unsafeBitCast(link.fn, to: RequestHook.self)(link.ctx, conn.handle)
        }
    }

    /// i(xR) of kind ALL outside the phases: log_transaction.
    static func run(_ hook: UnsafePointer<FrozenHook>, _ r: Request.Ref) {
        each(hook) { link in
            if r.pointee.isExplain, link.flags & APUS_HOOK_EXPLAINABLE == 0 { return APUS_OK }
            noteFailure(Phases.invoke(link, r), of: link)
            return APUS_OK
        }
    }

    @inline(__always)
    private static func noteFailure(_ status: apus_status, of link: apus_link) {
        if status < 0 { ModuleAccounts.add(to: .errors, of: link.callback.module) }
    }

    /// i(xRi)
    static func runErrorPage(_ hook: UnsafePointer<FrozenHook>, _ r: Request.Ref, _ status: Int32) -> apus_status {
        for index in 0..<hook.pointee.count {
            guard let link = hook.pointee.links?[index] else { break }
            if r.pointee.isExplain, link.flags & APUS_HOOK_EXPLAINABLE == 0 { continue }
            let fn = unsafeBitCast(link.fn, to: (@convention(c) (UnsafeMutableRawPointer?, OpaquePointer?, Int32) -> apus_status).self)
            let answer = Activity.during(link.callback) { fn(link.ctx, r.handle, status) }
            noteFailure(answer, of: link)
            if answer != APUS_DECLINED { return answer }
        }
        return APUS_DECLINED
    }

    @discardableResult
    @inline(__always)
    private static func each(_ hook: UnsafePointer<FrozenHook>, _ body: (apus_link) -> apus_status) -> apus_status {
        for index in 0..<hook.pointee.count {
            guard let link = hook.pointee.links?[index] else { break }
            let status = Activity.during(link.callback) { body(link) }
            guard status != APUS_OK, status != APUS_DECLINED else { continue }
            noteFailure(status, of: link)
            return status
        }
        return APUS_OK
    }
}
