import ByteKit
import Glibc
import ModuleABI

/// Reads request bodies off the connection for handlers and filters.
enum BodyInput {
    /// Up to `max` bytes onto the end of the chain; on a thread of the pool it waits for them.
    static func read(_ r: Request.Ref, _ max: Int, _ chain: Chain.Ref) -> apus_status {
        if !Worker.isLoopThread { return Tasks.onLoop(of: r) { readWaiting(r, max, chain) } }
        return readNow(r, max, chain)
    }

    private static func readWaiting(_ r: Request.Ref, _ max: Int, _ chain: Chain.Ref) -> Tasks.LoopAnswer {
        let status = readNow(r, max, chain)
        return status == APUS_AGAIN ? .whenReadable : .now(status)
    }

    private static func readNow(_ r: Request.Ref, _ max: Int, _ chain: Chain.Ref) -> apus_status {
        if r.pointee.givenBody.isSet { return readGiven(r, max, chain) }
        let conn = r.pointee.conn
        askToContinue(r)
        var left = max
        var gotAny = false
        while left > 0 {
            let piece = r.pointee.body.next(conn.pointee.input.available) { name, value in
                if r.pointee.server.pointee.core.pointee.mergeTrailers == true {
                    r.pointee.headersIn.add(name, value, r.pointee.arena)
                    r.pointee.framing.hasConditions = true
                } else {
                    r.pointee.trailersIn.add(name, value, r.pointee.arena)
                }
            }
            switch piece {
            case .data(let count):
                let count = min(count, left)
                guard chain.pointee.append(copy: conn.pointee.input.available.upTo(count)) else { return APUS_E_NOMEM }
                conn.pointee.input.consume(count)
                r.pointee.body.took(count)
                if let refusal = checkLimit(r) { return refusal }
                left -= count
                gotAny = true
            case .skip(let count): conn.pointee.input.consume(count)
            case .end(let count):
                conn.pointee.input.consume(count)
                chain.pointee.append(mark: .end)
                Deadlines.bodyHasCome(r)
                return APUS_OK
            case .invalid(let reason): return refuse(r, reason)
            case .more:
                if gotAny { return APUS_OK }
                switch ConnectionIO.fill(conn) {
                case .data: continue
                case .again: return wait(r)
                case .end, .failed:
                    r.pointee.response.keepsAlive = false
                    return APUS_E_CLOSED
                }
            }
        }
        return APUS_OK
    }

    private static func readGiven(_ r: Request.Ref, _ max: Int, _ chain: Chain.Ref) -> apus_status {
        let given = r.pointee.givenBody
        let count = min(max, given.count)
        guard chain.pointee.append(copy: given.upTo(count)) else { return APUS_E_NOMEM }
        r.pointee.givenBody = given.from(count)
        if count > 0 { r.pointee.body.took(count) }
        if r.pointee.givenBody.isEmpty { chain.pointee.append(mark: .end) }
        return APUS_OK
    }

    /// Gives a request another body in the place of the one that has been read.
    static func replace(_ r: Request.Ref, _ bytes: Bytes) -> apus_status {
        guard r.pointee.body.isComplete else { return APUS_E_INVALID }
        r.pointee.givenBody = r.copy(bytes.isSet ? bytes : Bytes(""))
        r.pointee.body = BodyReader()
        r.pointee.body.start(length: Int64(bytes.count))
        var writer = ByteWriter(r.pointee.arena.pointee.allocate(20), capacity: 20)
        writer.append(decimal: Int64(bytes.count))
        r.pointee.headersIn.set(Bytes("Content-Length"), writer.written, r.pointee.arena)
        _ = r.pointee.headersIn.remove(Bytes("Transfer-Encoding"))
        return APUS_OK
    }

    /// Drops what is left of the body. Answers OK when there is nothing left, AGAIN when more must come first.
    static func discard(_ r: Request.Ref) -> apus_status {
        guard !r.pointee.givenBody.isSet else {
            r.pointee.body = BodyReader()
            return APUS_OK
        }
        let conn = r.pointee.conn
        askToContinue(r)
        while true {
            let piece = r.pointee.body.next(conn.pointee.input.available) { name, value in
                r.pointee.trailersIn.add(name, value, r.pointee.arena)
            }
            switch piece {
            case .data(let count):
                conn.pointee.input.consume(count)
                r.pointee.body.took(count)
                if let refusal = checkLimit(r) { return refusal }
            case .skip(let count): conn.pointee.input.consume(count)
            case .end(let count):
                conn.pointee.input.consume(count)
                Deadlines.bodyHasCome(r)
                return APUS_OK
            case .invalid(let reason): return refuse(r, reason)
            case .more:
                switch ConnectionIO.fill(conn) {
                case .data: continue
                case .again: return wait(r)
                case .end, .failed: return APUS_E_CLOSED
                }
            }
        }
    }

    /// The client owes more of the body. One that took too long already has come to the end of patience.
    private static func wait(_ r: Request.Ref) -> apus_status {
        guard !r.pointee.hasBodyTimedOut else { return 408 }
        Deadlines.waitForBody(r)
        return APUS_AGAIN
    }

    private static func checkLimit(_ r: Request.Ref) -> apus_status? {
        let limit = r.core.limitRequestBody ?? BodyInput.standardLimit
        guard limit > 0, r.pointee.body.taken > limit else { return nil }
        r.pointee.response.keepsAlive = false
        r.pointee.conn.pointee.isPoisoned = true
        return 413
    }

    /// httpd's default since 2.4.53: 1 GiB.
    static let standardLimit: Int64 = 1 << 30

    private static func refuse(_ r: Request.Ref, _ reason: StaticString) -> apus_status {
        ErrorLog.write(.info, code: "AH01587", request: r, "the request body is malformed: \(reason)")
        r.pointee.response.keepsAlive = false
        r.pointee.conn.pointee.isPoisoned = true
        return 400
    }

    /// RFC 9110, 10.1.1: a client that waits for a go-ahead gets it when the body is first wanted.
    private static func askToContinue(_ r: Request.Ref) {
        guard r.pointee.framing.expect.isSet, !r.pointee.response.continueIsSent, !r.pointee.response.headIsSent,
            r.pointee.isHTTP11, !r.pointee.body.isComplete, r.pointee.conn.pointee.input.isEmpty
        else { return }
        r.pointee.response.continueIsSent = true
        ConnectionIO.emit(r.pointee.conn, Bytes("HTTP/1.1 100 Continue\r\n\r\n"))
        ConnectionIO.flush(r.pointee.conn)
    }
}
