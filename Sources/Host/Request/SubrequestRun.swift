import ByteKit
import ModuleABI

/// Where a sub-request's answer goes while its handler runs.
struct SubrequestSink {
    typealias Done = @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?, apus_status) -> Void

    /// The filter of the outer request that gets nothing of it; nil: all filters do.
    var behind: FilterInstance.Ref?
    var done: Done?
    var ctx: UnsafeMutableRawPointer?
}

/// Sub-requests whose handlers run: what they write becomes part of the body of the request they were looked up for.
enum SubrequestRun {
    static func start(
        _ sub: Request.Ref, behind: FilterInstance.Ref?, _ done: SubrequestSink.Done?, _ ctx: UnsafeMutableRawPointer?
    ) -> apus_status {
        guard let main = sub.pointee.main, main.pointee.running == nil, sub.pointee.sink == nil,
            sub.pointee.step == .insertFilter
        else { return APUS_E_INVALID }
        sub.pointee.sink = SubrequestSink(behind: behind, done: done, ctx: ctx)
        main.pointee.running = sub
        settle(sub, Phases.run(sub, upTo: .handler))
        return APUS_OK
    }

    /// The innermost of the requests at work: the one whose turn it is.
    static func innermost(_ r: Request.Ref) -> Request.Ref {
        var inner = r
        while let running = inner.pointee.running { inner = running }
        return inner
    }

    // MARK: Its answer

    /// Takes a chain as the last of the sub-request's own filters and hands it to those of the outer request.
    static func take(_ sub: Request.Ref, _ chain: Chain.Ref) -> apus_status {
        guard let main = sub.pointee.main, let sink = sub.pointee.sink, !sub.pointee.response.isEnded else {
            chain.pointee.queue.removeAll()
            return APUS_OK
        }
        sub.pointee.response.headIsSent = true
        let body = Chain.make(sub.pointee.arena)
        while let segment = chain.pointee.queue.takeFirst() {
            guard segment.pointee.kind == .end else {
                sub.pointee.response.bodySent += segment.pointee.length
                body.pointee.queue.append(taken: segment)
                continue
            }
            sub.pointee.response.isEnded = true
            SegmentStore.give(segment)
        }
        guard !body.pointee.queue.isEmpty else { return APUS_OK }
        guard let behind = sink.behind else { return OutputFeed.write(main, body) }
        let status = Filters.push(behind.pointee.next, main, body)
        return status == APUS_SUSPENDED ? APUS_AGAIN : status
    }

    // MARK: Its phases

    /// A hook of it that waited has answered.
    static func resume(_ sub: Request.Ref, _ status: apus_status) {
        let kind = theWorker.pointee.phases[sub.pointee.step].pointee.kind
        if status == APUS_SUSPENDED { return }
        if status == APUS_DECLINED || status == APUS_OK && kind != RunKind.first.rawValue {
            return settle(sub, Phases.run(sub, upTo: .handler))
        }
        let outcome = Phases.verdictOfResume(sub.pointee.step, status, sub)
        settle(sub, outcome == .finished ? Phases.run(sub, upTo: .handler) : outcome)
    }

    private static func settle(_ sub: Request.Ref, _ outcome: Phases.Outcome) {
        switch outcome {
        case .waiting: return
        case .failed(let status): complete(sub, status)
        case .finished, .answered:
            // An internal redirect may have put another in its place.
            guard let current = sub.pointee.main?.pointee.running, !current.pointee.suspension.isActive else { return }
            finish(current)
        }
    }

    /// The handler is done: the end of the body is what may still be on its way.
    private static func finish(_ sub: Request.Ref) {
        if !sub.pointee.response.isEnded, !sub.pointee.feed.hasEnd {
            let chain = Chain.make(sub.pointee.arena)
            chain.pointee.append(mark: .end)
            let status = OutputFeed.write(sub, chain)
            if status < 0 { return complete(sub, status) }
        }
        if sub.pointee.response.isEnded { complete(sub, APUS_OK) }
    }

    /// What waited for its filters has gone on.
    static func fed(_ sub: Request.Ref, _ status: apus_status) {
        if status < 0, !sub.pointee.suspension.isActive { return complete(sub, status) }
        if sub.pointee.suspension.isActive {
            if status != APUS_AGAIN { theWorker.pointee.loop.revisit(sub.pointee.conn) }
            return
        }
        if sub.pointee.response.isEnded { complete(sub, APUS_OK) }
    }

    private static func complete(_ sub: Request.Ref, _ status: apus_status) {
        guard let main = sub.pointee.main, main.pointee.running == sub, let sink = sub.pointee.sink else { return }
        main.pointee.running = nil
        sub.pointee.sink = nil
        if status != APUS_OK { sub.pointee.status = status < 0 ? 500 : status }
        Filters.end(sub)
        sink.done?(sink.ctx, sub.handle, status)
    }

    /// The outer request ends: what runs for it is given up, the innermost first.
    static func cancel(_ r: Request.Ref, mayBeHeld: Bool = true) {
        guard let sub = r.pointee.running else { return }
        r.pointee.running = nil
        cancel(sub, mayBeHeld: mayBeHeld)
        Tasks.giveUp(sub, mayBeHeld: mayBeHeld)
        Filters.end(sub)
        // Whoever still holds it writes to nobody.
        sub.pointee.outputFilters = nil
        sub.pointee.response.isEnded = true
    }

    /// An internal redirect of a sub-request: the new one takes over where its answer goes.
    static func replace(_ sub: Request.Ref, by new: Request.Ref) {
        new.pointee.main = sub.pointee.main
        new.pointee.sink = sub.pointee.sink
        sub.pointee.sink = nil
        new.pointee.main?.pointee.running = new
    }
}
