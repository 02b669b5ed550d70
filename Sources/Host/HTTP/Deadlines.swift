import ByteKit
import CSystem
import Glibc
import ModuleABI

/// How long a client may take for one part of an exchange. Times in microseconds; 0: none.
struct PhaseLimit: BitwiseCopyable {
    var initial: Int64 = 0
    var maximum: Int64 = 0
    /// Bytes that earn a further second.
    var rate: Int64 = 0

    /// The time that may have passed when so many bytes have come; nil: there is no limit.
    func allowed(after bytes: Int64) -> Int64? {
        guard initial > 0 else { return nil }
        guard rate > 0 else { return initial }
        let earned = initial + min(bytes / rate, 1 << 30) * 1_000_000
        return maximum > 0 ? min(earned, maximum) : earned
    }
}

/// The limits of a server that modules have set; see apus/draft/timeouts.h.
struct ReadTimeouts: BitwiseCopyable {
    var handshake = PhaseLimit()
    var header = PhaseLimit()
    var body = PhaseLimit()
    var response = PhaseLimit()
}

/// How long a connection may take for what it is doing.
enum Deadlines {
    // MARK: Waiting

    static func waitForHandshake(_ conn: Connection.Ref) {
        let limit = conn.pointee.server.pointee.readTimeouts.handshake.allowed(after: 0)
        wait(conn, limit ?? conn.pointee.server.pointee.limits.timeout)
    }

    /// The time for a head counts from its first byte, or from the begin of the connection: each byte does not begin it anew.
    static func waitForHead(_ conn: Connection.Ref) {
        let server = conn.pointee.server
        if conn.pointee.requests > 0, conn.pointee.input.isEmpty { return wait(conn, server.pointee.limits.keepAliveTimeout) }
        if conn.pointee.headSince == 0 { conn.pointee.headSince = theWorker.pointee.now }
        let limit = server.pointee.readTimeouts.header.allowed(after: Int64(conn.pointee.input.available.count))
        theWorker.pointee.timers.set(conn, conn.pointee.headSince + (limit ?? server.pointee.limits.timeout))
    }

    /// A request has begun, or its body has come: what follows is the server's own work.
    static func waitForRequest(_ conn: Connection.Ref) {
        conn.pointee.headSince = 0
        wait(conn, conn.pointee.server.pointee.limits.timeout)
    }

    /// More of the body is wanted: each wait may take Timeout, and all together what a module allows.
    static func waitForBody(_ r: Request.Ref) {
        let now = theWorker.pointee.now
        if r.pointee.bodySince == 0 { r.pointee.bodySince = now }
        var deadline = now + r.pointee.server.pointee.limits.timeout
        if let allowed = r.pointee.server.pointee.readTimeouts.body.allowed(after: r.pointee.body.taken) {
            deadline = min(deadline, r.pointee.bodySince + allowed)
        }
        r.pointee.isWaitingForBody = true
        theWorker.pointee.timers.set(r.pointee.conn, deadline)
    }

    static func bodyHasCome(_ r: Request.Ref) {
        guard r.pointee.isWaitingForBody else { return }
        r.pointee.isWaitingForBody = false
        waitForRequest(r.pointee.conn)
    }

    /// The client has to take some of the answer first. Looked at once a window, however often the socket has room.
    static func waitForRoom(_ r: Request.Ref) {
        guard !r.pointee.response.isWatched else { return }
        r.pointee.response.isWatched = true
        r.pointee.response.takenBefore = taken(r)
        wait(r.pointee.conn, window(r))
    }

    private static func wait(_ conn: Connection.Ref, _ time: Int64) {
        theWorker.pointee.timers.set(conn, theWorker.pointee.now + time)
    }

    private static func window(_ r: Request.Ref) -> Int64 {
        let timeout = r.pointee.server.pointee.limits.timeout
        let limit = r.pointee.server.pointee.readTimeouts.response.initial
        return limit > 0 ? min(limit, timeout) : timeout
    }

    // MARK: The time is over

    static func expired(_ conn: Connection.Ref) {
        switch conn.pointee.state {
        case .preface, .handshake:
            ErrorLog.write(.info, code: "AH01382", connection: conn, "the client took too long for the handshake")
            conn.close()
        case .lingering, .closed: conn.close()
        case .taken: Takeover.expired(conn)
        case .head:
            if conn.pointee.input.isEmpty { return conn.close() }
            ErrorLog.write(.info, code: "AH01382", connection: conn, "the client took too long to send its request head")
            Turn.run(conn) { HTTP1.timeOut(conn) }
        case .request:
            guard let r = conn.pointee.request else { return conn.close() }
            expired(r)
        }
    }

    private static func expired(_ r: Request.Ref) {
        let conn = r.pointee.conn
        if r.pointee.isWaitingForBody, !r.pointee.hasBodyTimedOut { return bodyTimedOut(r) }
        if r.pointee.suspension.isActive, !r.pointee.response.headIsSent, !r.pointee.isWaitingForBody {
            return Turn.run(conn) { Tasks.timeOut(r) }
        }
        if r.pointee.response.headIsSent, isTaking(r) { return wait(conn, window(r)) }
        ErrorLog.write(.info, code: "APUS1103", request: r, "the client took too long to send or to take bytes")
        conn.pointee.wasAborted = true
        Turn.run(conn) { Tasks.cancel(r) }
    }

    /// Whoever reads the body learns of it as a status, so that the client can still be told.
    private static func bodyTimedOut(_ r: Request.Ref) {
        ErrorLog.write(.info, code: "AH01382", request: r, "the client took too long to send its request body")
        r.pointee.hasBodyTimedOut = true
        r.pointee.response.keepsAlive = false
        r.pointee.conn.pointee.isPoisoned = true
        // One that does not read again is not waited for any longer.
        wait(r.pointee.conn, r.pointee.server.pointee.limits.timeout)
        Turn.run(r.pointee.conn) { RequestEvents.readable(r.pointee.conn) }
    }

    /// Whether the client took as much of the answer within the window as it must.
    private static func isTaking(_ r: Request.Ref) -> Bool {
        let limit = r.pointee.server.pointee.readTimeouts.response
        let now = taken(r)
        let progress = now - r.pointee.response.takenBefore
        r.pointee.response.takenBefore = now
        let isBehind = unsent(r.pointee.conn) > 0
        let wanted = isBehind && limit.initial > 0 ? limit.rate * window(r) / 1_000_000 : 1
        return progress >= max(wanted, 1)
    }

    /// Bytes of the answer that have reached the client's system, as far as the kernel knows.
    private static func taken(_ r: Request.Ref) -> Int64 {
        r.pointee.response.wireSent + r.pointee.response.bodySent - unsent(r.pointee.conn)
    }

    private static func unsent(_ conn: Connection.Ref) -> Int64 {
        ConnectionIO.pending(conn) + Int64(max(cs_unsent(conn.pointee.fd), 0))
    }
}

extension HTTP1 {
    /// A head that did not come in time: RFC 9110, 15.5.9.
    static func timeOut(_ conn: Connection.Ref) { refuse(conn, HeadProblem(408, "the head did not come in time")) }
}
