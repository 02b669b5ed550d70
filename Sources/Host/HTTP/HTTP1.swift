import ByteKit
import Glibc
import ModuleABI

/// The way of a request, step by step: readable → parseHead → beginRequest → runPhases → sendResponse → finishRequest →
/// nextRequest. docs/request-path.md follows the same names.
enum HTTP1 {
    /// Goes on with a connection: something can be read, or a new turn has been given to it.
    static func readable(_ conn: Connection.Ref) {
        while true {
            switch conn.pointee.state {
            case .preface: guard Preface.advance(conn) else { return }
            case .handshake: guard Handshake.advance(conn) else { return }
            case .head: guard parseHead(conn) else { return }
            case .request: return RequestEvents.readable(conn)
            case .taken: return Takeover.readable(conn)
            case .lingering: return Lingering.drain(conn)
            case .closed: return
            }
        }
    }

    /// Reads until a whole head is there and begins its request. False: the connection waits or is gone.
    private static func parseHead(_ conn: Connection.Ref) -> Bool {
        let limits = conn.pointee.server.pointee.limits
        do throws(HeadProblem) {
            try skipEmptyLines(conn)
            if let begun = beginWhole(conn) { return begun }
            if !conn.pointee.input.isEmpty,
                let length = try RequestHead.end(of: conn.pointee.input.available, &conn.pointee.headScan, limits)
            {
                return beginRequest(conn, length)
            }
        } catch {
            refuse(conn, error)
            return false
        }
        switch ConnectionIO.fill(conn) {
        case .data: return true
        case .again:
            ConnectionIO.flush(conn)
            Deadlines.waitForHead(conn)
            return false
        case .end, .failed:
            if !conn.pointee.input.isEmpty, !conn.pointee.wasAborted { noteTruncated(conn) }
            ConnectionIO.flush(conn)
            conn.close()
            return false
        }
    }

    /// RFC 9112, 2.2: empty lines before a request are skipped, but not for ever.
    private static func skipEmptyLines(_ conn: Connection.Ref) throws(HeadProblem) {
        while conn.pointee.headScan.lines == 0, conn.pointee.input.available.hasPrefix("\r\n") {
            conn.pointee.input.consume(2)
            // It may have come in two pieces.
            conn.pointee.headScan = HeadScan()
            conn.pointee.emptyLines &+= 1
            guard conn.pointee.emptyLines <= emptyLineLimit else { throw HeadProblem(400, "nothing but empty lines comes") }
        }
    }

    private static let emptyLineLimit: UInt8 = 10

    private static func noteTruncated(_ conn: Connection.Ref) {
        ErrorLog.write(.debug, code: "APUS1101", connection: conn, "the client closed the connection in the middle of a request head")
    }

    // MARK: beginRequest

    private static func beginRequest(_ conn: Connection.Ref, _ length: Int) -> Bool {
        let r = makeRequest(conn)
        let head = r.pointee.arena.copy(conn.pointee.input.available.upTo(length))
        enter(r, length)
        r.pointee.telling = conn.pointee.telling
        do throws(HeadProblem) {
            try RequestHead.parse(head, into: r)
        } catch {
            return refuse(r, error)
        }
        return begin(r)
    }

    /// Begins the request of which all that has come is probably the head, without looking for its end before. Nil: it was
    /// not, or something is wrong with it, and nothing has been done.
    @inline(__always)
    private static func beginWhole(_ conn: Connection.Ref) -> Bool? {
        let seen = conn.pointee.input.available
        let fields = conn.pointee.server.pointee.limits.requestFields
        guard RequestHead.mayBeWhole(seen, conn.pointee.headScan, conn.pointee.server.pointee.limits) else { return nil }
        let r = makeRequest(conn)
        let length = (try? RequestHead.parse(r.pointee.arena.copy(seen), into: r)) ?? 0
        guard length > 0, fields == 0 || r.pointee.headersIn.count <= fields else {
            Arena.destroy(r.pointee.arena)
            return nil
        }
        enter(r, length)
        r.pointee.telling = conn.pointee.telling
        return begin(r)
    }

    @inline(__always)
    private static func makeRequest(_ conn: Connection.Ref) -> Request.Ref {
        let arena = Arena.make(&theWorker.pointee.chunks)
        let r = arena.allocate(Request.self)
        r.initialize(to: Request(conn: conn, server: conn.pointee.server, arena: arena, startTime: theWorker.pointee.now))
        return r
    }

    /// Takes so many bytes as the head of the request, which has the connection from here on.
    @inline(__always)
    private static func enter(_ r: Request.Ref, _ length: Int) {
        let conn = r.pointee.conn
        conn.pointee.input.consume(length)
        conn.pointee.headScan = HeadScan()
        conn.pointee.emptyLines = 0
        conn.pointee.requests &+= 1
        r.pointee.epoch = theWorker.pointee.epochs.enter()
        conn.pointee.request = r
        conn.pointee.state = .request
    }

    @inline(__always)
    private static func begin(_ r: Request.Ref) -> Bool {
        do throws(HeadProblem) {
            try settle(r)
        } catch {
            return refuse(r, error)
        }
        Deadlines.waitForRequest(r.pointee.conn)
        theWorker.pointee.slot.begin(r.pointee.requestLine)
        // What follows on the connection within the same turn may have been sent during it.
        let isEarly = r.pointee.conn.pointee.headTurn == UInt32(truncatingIfNeeded: theWorker.pointee.turnNumber)
        r.pointee.conn.pointee.headTurn = 0
        theWorker.pointee.earlyRequest = isEarly ? r : nil
        defer { theWorker.pointee.earlyRequest = nil }
        return runPhases(r)
    }

    /// What the head as a whole says: whose request it is, its path, its body.
    static func settle(_ r: Request.Ref) throws(HeadProblem) {
        try settleFraming(r)
        let parts = try RequestTarget.split(r.pointee.target, r.pointee.methodKind)
        // As it was sent, for the logs, until it is known to be one.
        r.pointee.path = parts.path
        try VirtualHosts.choose(r, authority: parts.authority)
        try Method.check(r)
        r.pointee.path = try RequestTarget.normalize(parts.path, in: r.pointee.arena, r.pointee.server.pointee.limits)
        r.pointee.query = parts.query
        VirtualHosts.chooseByPath(r)
        if r.pointee.server.pointee.limits.traces { TraceSignature.look(r) }
        Telling.begin(r, .initial)
        try SectionWalk.locations(r)
        let framing = r.pointee.framing
        if framing.expects > 1 || framing.expect.isSet && !framing.expect.equalsIgnoringCase("100-continue") {
            throw HeadProblem(417, "the only expectation this server meets is 100-continue, once")
        }
    }

    /// RFC 9112, 6.3, and stricter: where peers could disagree about the end of the body there is no body to speak of.
    private static func settleFraming(_ r: Request.Ref) throws(HeadProblem) {
        let framing = r.pointee.framing
        if framing.encodings > 0 {
            guard framing.lengths == 0 else { throw HeadProblem(400, "Content-Length and Transfer-Encoding exclude each other") }
            guard r.pointee.isHTTP11 else { throw HeadProblem(400, "HTTP/1.0 has no Transfer-Encoding") }
            guard framing.encodings == 1, framing.encoding.equalsIgnoringCase("chunked") else {
                throw HeadProblem(400, "the only transfer coding this server takes is chunked, once")
            }
            r.pointee.body.startChunked()
        } else if framing.lengths > 0 {
            guard framing.lengths == 1, let length = framing.length.decimal else {
                throw HeadProblem(400, "Content-Length is not one decimal number")
            }
            r.pointee.body.start(length: length)
            let limit = r.core.limitRequestBody ?? BodyInput.standardLimit
            guard limit == 0 || length <= limit else { throw HeadProblem(413, "the body is longer than LimitRequestBody") }
        }
    }

    // MARK: runPhases

    /// Runs the phases from where the request stands. True: the request is over and the connection goes on with the next.
    static func runPhases(_ r: Request.Ref) -> Bool {
        switch Phases.run(r, upTo: .handler) {
        case .waiting: return false
        case .finished, .answered: return answered(r)
        case .failed(let status): return ErrorResponse.answer(r, status) ? answered(r) : false
        }
    }

    /// Sends the answer of the request at hand: an internal redirect may have put another in r's place, which may have
    /// to wait for its own.
    static func answered(_ r: Request.Ref) -> Bool {
        let current = r.pointee.conn.pointee.request ?? r
        return current.pointee.suspension.isActive ? false : sendResponse(current)
    }

    // MARK: sendResponse

    /// Ends the answer and sends it. True: it is sent, or need not be waited for.
    static func sendResponse(_ r: Request.Ref) -> Bool {
        let conn = r.pointee.conn
        if !r.pointee.response.isEnded, !conn.pointee.wasAborted {
            let chain = Chain.make(r.pointee.arena)
            chain.pointee.append(mark: .end)
            let status = OutputFeed.write(r, chain)
            if status < 0, !conn.pointee.wasAborted, !r.pointee.response.isEnded {
                ErrorLog.write(.error, code: "APUS1203", request: r, "an output filter failed with status \(status)")
                guard ErrorResponse.answer(r, status) else { return false }
            }
            guard r.pointee.response.isEnded || conn.pointee.wasAborted else {
                // The filters are not done with it: they go on when the client has taken some, or when one of them can.
                Deadlines.waitForRoom(r)
                return false
            }
        }
        return sent(r)
    }

    /// Whether the answer has left; else the connection waits for room in the socket.
    static func sent(_ r: Request.Ref) -> Bool {
        let conn = r.pointee.conn
        let isPipelined = r.pointee.response.keepsAlive && !conn.pointee.input.isEmpty && conn.pointee.output.isEmpty
        conn.pointee.isLastOutput = !r.pointee.response.keepsAlive && r.pointee.response.isEnded && conn.pointee.takeover == nil
        conn.pointee.endsWithOutput = conn.pointee.isLastOutput && r.pointee.framing.wantsClose && r.pointee.body.kind == .none
            && conn.pointee.input.isEmpty && !conn.pointee.mayRead && !conn.pointee.isPoisoned
        if !isPipelined { ConnectionIO.flush(conn) }
        guard conn.pointee.wasAborted || isPipelined || ConnectionIO.pending(conn) == 0 else {
            Deadlines.waitForRoom(r)
            return false
        }
        return finishRequest(r)
    }

    // MARK: finishRequest

    /// Logs the request and gives its memory back. True: the connection goes on with the next one.
    private static func finishRequest(_ r: Request.Ref) -> Bool {
        let conn = r.pointee.conn
        if conn.pointee.takeover != nil, !conn.pointee.wasAborted {
            Takeover.begin(conn)
            return true
        }
        if r.pointee.response.keepsAlive, !r.pointee.body.isComplete, !conn.pointee.wasAborted {
            switch BodyInput.discard(r) {
            case APUS_OK: break
            case APUS_AGAIN: return false
            default: r.pointee.response.keepsAlive = false
            }
        }
        let keepsAlive = r.pointee.response.keepsAlive && !conn.pointee.wasAborted
        let hadWholeBody = r.pointee.body.isComplete
        conclude(r)
        return nextRequest(conn, keepsAlive: keepsAlive, hadWholeBody: hadWholeBody)
    }

    /// Logs a request, counts it and gives its memory back.
    static func conclude(_ r: Request.Ref) {
        HookRunner.run(theWorker.pointee.logTransaction, r)
        theWorker.pointee.slot.countRequest()
        release(r)
    }

    static func release(_ r: Request.Ref) {
        let conn = r.pointee.conn
        SubrequestRun.cancel(r, mayBeHeld: false)
        Filters.end(r)
        HostNames.keep(r)
        conn.pointee.request = nil
        let epoch = r.pointee.epoch
        Arena.destroy(r.pointee.arena)
        theWorker.pointee.epochs.leave(epoch)
    }

    // MARK: nextRequest

    private static func nextRequest(_ conn: Connection.Ref, keepsAlive: Bool, hadWholeBody: Bool) -> Bool {
        if keepsAlive {
            conn.pointee.state = .head
            theWorker.pointee.keptAlive(conn)
            return true
        }
        // Bytes nobody read would make the kernel reset the connection under the answer.
        if conn.pointee.wasAborted || hadWholeBody && conn.pointee.input.isEmpty && !conn.pointee.isPoisoned {
            conn.close()
        } else {
            Lingering.begin(conn)
        }
        return false
    }

    // MARK: Refusals

    /// A head that cannot be made a request.
    static func refuse(_ conn: Connection.Ref, _ problem: HeadProblem) {
        let r = makeRequest(conn)
        let seen = conn.pointee.input.available
        r.pointee.requestLine = r.pointee.arena.copy(seen.upTo(min(seen.firstIndex(of: 0x0d) ?? seen.count, 200)))
        r.pointee.protocolName = Bytes("HTTP/1.0")
        enter(r, seen.count)
        conn.pointee.input.release()
        if refuse(r, problem) { readable(conn) }
    }

    @discardableResult
    private static func refuse(_ r: Request.Ref, _ problem: HeadProblem) -> Bool {
        // Not found and too large are answers to a request that was understood; the others mean that it was not.
        let isUnderstood = problem.status == 404 || problem.status == 405 || problem.status == 417
        if !isUnderstood { r.pointee.conn.pointee.isPoisoned = true }
        if !r.pointee.path.isSet { r.pointee.path = Bytes("/") }
        ErrorLog.write(.info, code: "AH02812", request: r, "request refused: \(problem.reason)")
        return ErrorResponse.answer(r, problem.status) ? answered(r) : false
    }
}

/// Events for a connection while a request is at work on it.
enum RequestEvents {
    static func readable(_ conn: Connection.Ref) {
        guard let r = conn.pointee.request else { return }
        if let callback = r.pointee.response.whenReadable {
            r.pointee.response.whenReadable = nil
            callback.run(r)
            guard conn.pointee.request != nil else { return }
        }
        // Only the rest of the body is missing.
        if r.pointee.response.isEnded, !r.pointee.suspension.isActive, ConnectionIO.pending(conn) == 0, HTTP1.sent(r) {
            HTTP1.readable(conn)
        }
    }

    static func writable(_ conn: Connection.Ref) {
        ConnectionIO.flush(conn)
        if conn.pointee.state == .taken { return Takeover.writable(conn) }
        guard conn.pointee.state == .request, let r = conn.pointee.request else { return }
        if conn.pointee.wasAborted { return Tasks.cancel(r) }
        if ConnectionIO.pending(conn) < 128 << 10, hasGoneOn(r) { return }
        if r.pointee.response.isEnded, !r.pointee.suspension.isActive, ConnectionIO.pending(conn) == 0, HTTP1.sent(r) {
            HTTP1.readable(conn)
        }
    }
}

extension RequestEvents {
    /// The client has taken some: whoever waits for that goes on, the innermost request first.
    private static func hasGoneOn(_ r: Request.Ref) -> Bool {
        var level: Request.Ref? = SubrequestRun.innermost(r)
        while let request = level {
            if OutputFeed.isWaiting(request) {
                OutputFeed.goOn(request)
                return true
            }
            if !OutputFeed.isHeld(request), let callback = request.pointee.response.whenWritable {
                request.pointee.response.whenWritable = nil
                callback.run(request)
                return true
            }
            level = request.pointee.main
        }
        return false
    }
}

/// The end of a connection whose client may still be sending: its bytes are read and dropped, for a while.
enum Lingering {
    private static let patience: Int64 = 2_000_000

    static func begin(_ conn: Connection.Ref) {
        ConnectionIO.flush(conn)
        if let transport = conn.pointee.transport { _ = transport.pointee.shutdown(conn.pointee.transportState) }
        shutdown(conn.pointee.fd, Int32(SHUT_WR))
        conn.pointee.state = .lingering
        conn.pointee.mayRead = true
        theWorker.pointee.timers.set(conn, theWorker.pointee.now + patience)
        drain(conn)
    }

    static func drain(_ conn: Connection.Ref) {
        for _ in 0..<64 {
            let count = recv(conn.pointee.fd, theWorker.pointee.readBuffer, Worker.readBufferSize, 0)
            if count == 0 || count < 0 && errno != EAGAIN && errno != EINTR { return conn.close() }
            if count < 0, errno == EAGAIN { return }
        }
        theWorker.pointee.loop.revisit(conn)
    }
}
