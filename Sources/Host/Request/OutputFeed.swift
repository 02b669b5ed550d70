import ByteKit
import ModuleABI

/// What waits to go through a request's output filters.
///
/// They get it in pieces, and as fast as the client takes what they make of it: so a filter that works piece by piece
/// needs bounded memory, whatever the length of the body. Without filters nothing ever waits here.
struct OutputFeed {
    fileprivate var queue = OutputQueue()
    fileprivate var piece: Chain.Ref?
    fileprivate var isRunning = false
    /// The end of the body has been given.
    fileprivate(set) var hasEnd = false
    /// What ended it before its time.
    fileprivate var failure: apus_status = APUS_OK

    var length: Int64 { queue.length }

    private static let pieceLength = Int64(APUS_FILTER_PIECE)
    /// A request gives way to others after so many pieces in one go.
    private static let share = 4

    // MARK: Writing

    /// Sends a chain through the output filters; it is empty afterwards. On a thread of the pool it waits for room.
    static func write(_ r: Request.Ref, _ chain: Chain.Ref) -> apus_status {
        if !Worker.isLoopThread {
            return Tasks.onLoop(of: r) { .now(writeNow(r, chain), whenBelow: Response.highWater) }
        }
        return writeNow(r, chain)
    }

    private static func writeNow(_ r: Request.Ref, _ chain: Chain.Ref) -> apus_status {
        Filters.prepare(r)
        if r.pointee.feed.queue.isEmpty, !Filters.hasAny(r) { return Response.write(r, chain) }
        guard r.pointee.feed.failure == APUS_OK, !r.pointee.feed.hasEnd else {
            chain.pointee.queue.removeAll()
            return r.pointee.feed.failure
        }
        open(r)
        if chain.pointee.holdsEnd { r.pointee.feed.hasEnd = true }
        while let segment = chain.pointee.queue.takeFirst() { r.pointee.feed.queue.append(taken: segment) }
        return run(r)
    }

    /// What still waits when the request goes is released with its memory.
    private static func open(_ r: Request.Ref) {
        guard r.pointee.feed.piece == nil else { return }
        r.pointee.feed.piece = Chain.make(r.pointee.arena)
        r.pointee.arena.pointee.onDestroy(UnsafeMutableRawPointer(r)) { raw in
            raw?.assumingMemoryBound(to: Request.self).pointee.feed.queue.removeAll()
        }
    }

    /// The answer begins anew: nothing of what waits belongs to it.
    static func clear(_ r: Request.Ref) {
        r.pointee.feed.queue.removeAll()
        r.pointee.feed.hasEnd = false
        Filters.forgetWaits(r)
    }

    /// Whether it would go on if the client took more.
    static func isWaiting(_ r: Request.Ref) -> Bool {
        (Filters.due(r) != nil || !r.pointee.feed.queue.isEmpty) && !isHeld(r)
    }

    /// Whether a filter on the way to the client waits for something and wants nothing more.
    static func isHeld(_ r: Request.Ref) -> Bool {
        if Filters.due(r) != nil { return false }
        var (request, filter) = (r, r.pointee.outputFilters)
        while true {
            if Filters.waits(from: filter) { return true }
            guard let main = request.pointee.main, let sink = request.pointee.sink else { return false }
            filter = sink.behind.map { $0.pointee.next } ?? main.pointee.outputFilters
            request = main
        }
    }

    // MARK: Feeding

    /// OK: all has gone through. AGAIN: it goes on when the client has taken some, or a filter has what it waits for.
    private static func run(_ r: Request.Ref) -> apus_status {
        guard !r.pointee.feed.isRunning, let piece = r.pointee.feed.piece else { return APUS_AGAIN }
        r.pointee.feed.isRunning = true
        defer { r.pointee.feed.isRunning = false }
        var budget = share
        while true {
            let due = Filters.due(r)
            if due == nil {
                if isHeld(r) { return APUS_AGAIN }
                if r.pointee.feed.queue.isEmpty { return APUS_OK }
            }
            guard budget > 0 else {
                theWorker.pointee.loop.revisit(r.pointee.conn)
                return APUS_AGAIN
            }
            budget -= 1
            let status = due.map { Filters.goOn($0, piece) } ?? feed(r, piece)
            // What a filter did not take was its to take.
            piece.pointee.queue.removeAll()
            if status == APUS_AGAIN { return APUS_AGAIN }
            guard status < 0 else { continue }
            r.pointee.feed.failure = status
            r.pointee.feed.queue.removeAll()
            return status
        }
    }

    private static func feed(_ r: Request.Ref, _ piece: Chain.Ref) -> apus_status {
        take(from: &r.pointee.feed.queue, into: piece, whole: !Filters.hasAny(r))
        return Filters.push(r.pointee.outputFilters, r, piece)
    }

    /// Up to a piece's length, with the marks that follow: a short body and its end go together.
    private static func take(from queue: inout OutputQueue, into piece: Chain.Ref, whole: Bool) {
        var left = whole ? Int64.max : pieceLength
        while let segment = queue.first {
            if segment.pointee.length > left {
                guard left > 0 else { return }
                return piece.pointee.queue.append(Chain.split(&queue, segment, left))
            }
            left -= segment.pointee.length
            if let taken = queue.takeFirst() { piece.pointee.queue.append(taken: taken) }
        }
    }

    // MARK: Going on

    /// A filter that returned SUSPENDED has what it waited for.
    static func resume(_ filter: FilterInstance.Ref) {
        let r = filter.pointee.request
        filter.pointee.isDue = true
        open(r)
        guard !r.pointee.feed.isRunning else { return }
        // In the midst of another connection's turn its input must stay where it lies.
        guard theWorker.pointee.turn == nil || theWorker.pointee.turn == r.pointee.conn else {
            return theWorker.pointee.loop.revisit(r.pointee.conn)
        }
        Turn.run(r.pointee.conn) { goOn(r) }
    }

    /// Goes on with what waits, outside of a write.
    static func goOn(_ r: Request.Ref) {
        let conn = r.pointee.conn
        let status = run(r)
        if conn.pointee.wasAborted {
            if let request = conn.pointee.request { Tasks.cancel(request) }
            return
        }
        // What runs for it may have waited for one of its filters.
        if r.pointee.running != nil { theWorker.pointee.loop.revisit(conn) }
        if r.pointee.main != nil { return SubrequestRun.fed(r, status) }
        if status < 0, !r.pointee.suspension.isActive { return fail(r, status) }
        guard status == APUS_OK, !r.pointee.suspension.isActive, r.pointee.response.isEnded else {
            // Whoever writes may go on, and learns of a failure.
            if status != APUS_AGAIN, r.pointee.response.whenWritable != nil { theWorker.pointee.loop.revisit(conn) }
            return
        }
        if HTTP1.sent(r) { HTTP1.readable(conn) }
    }

    private static func fail(_ r: Request.Ref, _ status: apus_status) {
        ErrorLog.write(.error, code: "APUS1203", request: r, "an output filter failed with status \(status)")
        guard ErrorResponse.answer(r, status), HTTP1.answered(r) else { return }
        HTTP1.readable(r.pointee.conn)
    }
}
