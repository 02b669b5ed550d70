import ByteKit
import Glibc
import ModuleABI

/// Sends answers: decides the framing, composes the head, frames the body (RFC 9112, 6).
enum Response {
    /// More waiting bytes than this and the producer is asked to slow down.
    static let highWater: Int64 = 256 << 10

    // MARK: Body

    /// Takes a chain as the last of the output filters: the head goes before the first bytes.
    static func write(_ r: Request.Ref, _ chain: Chain.Ref) -> apus_status {
        if !Worker.isLoopThread { return Tasks.onLoop(of: r) { .now(writeNow(r, chain), whenBelow: highWater) } }
        return writeNow(r, chain)
    }

    private static func writeNow(_ r: Request.Ref, _ chain: Chain.Ref) -> apus_status {
        let conn = r.pointee.conn
        if r.pointee.main != nil { return SubrequestRun.take(r, chain) }
        guard !conn.pointee.wasAborted, !r.pointee.response.isEnded else {
            chain.pointee.queue.removeAll()
            return conn.pointee.wasAborted ? APUS_E_CLOSED : APUS_OK
        }
        // Nothing has been said of the body yet: its length may still become known.
        if chain.pointee.queue.isEmpty { return ConnectionIO.pending(conn) > highWater ? APUS_AGAIN : APUS_OK }
        if !r.pointee.response.headIsSent {
            let length = chain.pointee.holdsEnd ? chain.pointee.queue.length : nil
            sendHead(r, length: length)
        }
        var wantsFlush = false
        while let segment = chain.pointee.queue.takeFirst() {
            switch segment.pointee.kind {
            case .memory, .file: body(r, segment)
            case .flush:
                wantsFlush = true
                SegmentStore.give(segment)
            case .end:
                SegmentStore.give(segment)
                end(r)
            }
        }
        if wantsFlush || ConnectionIO.pending(conn) > highWater { ConnectionIO.flush(conn) }
        if conn.pointee.wasAborted { return APUS_E_CLOSED }
        return ConnectionIO.pending(conn) > highWater ? APUS_AGAIN : APUS_OK
    }

    /// Hands one segment to the connection, framed.
    private static func body(_ r: Request.Ref, _ segment: UnsafeMutablePointer<OutputSegment>) {
        let conn = r.pointee.conn
        guard r.pointee.response.framing != .none, segment.pointee.length > 0 else { return SegmentStore.give(segment) }
        let length = segment.pointee.length
        switch r.pointee.response.framing {
        case .length:
            // A handler that sends more than it announced must not run into the next answer.
            guard length <= r.pointee.response.lengthLeft else {
                r.pointee.response.keepsAlive = false
                return SegmentStore.give(segment)
            }
            r.pointee.response.lengthLeft -= length
            hand(conn, segment)
        case .chunked:
            chunkHead(conn, length)
            hand(conn, segment)
            ConnectionIO.emit(conn, Bytes("\r\n"))
        case .close, .none: hand(conn, segment)
        }
        r.pointee.response.bodySent += length
    }

    /// Small pieces are copied into this turn's packet; the rest is queued as it is.
    private static func hand(_ conn: Connection.Ref, _ segment: UnsafeMutablePointer<OutputSegment>) {
        if segment.pointee.kind == .memory, segment.pointee.bytes.count <= copyLimit,
            let place = ConnectionIO.reserve(conn, segment.pointee.bytes.count)
        {
            memcpy(place, segment.pointee.bytes.ptr.unsafelyUnwrapped, segment.pointee.bytes.count)
            ConnectionIO.commit(segment.pointee.bytes.count)
            return SegmentStore.give(segment)
        }
        conn.pointee.output.append(taken: segment)
    }

    static let copyLimit = 16 << 10

    private static func chunkHead(_ conn: Connection.Ref, _ length: Int64) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { buffer in
            var writer = ByteWriter(buffer.baseAddress.unsafelyUnwrapped, capacity: 20)
            writer.append(hex: UInt64(length))
            writer.append("\r\n")
            ConnectionIO.emit(conn, writer.written)
        }
    }

    private static func end(_ r: Request.Ref) {
        guard !r.pointee.response.isEnded else { return }
        r.pointee.response.isEnded = true
        if r.pointee.response.framing == .chunked { endChunks(r) }
        // Fewer bytes than announced: the client must see that the answer is incomplete.
        if r.pointee.response.framing == .length, r.pointee.response.lengthLeft > 0 { r.pointee.response.keepsAlive = false }
    }

    private static func endChunks(_ r: Request.Ref) {
        let conn = r.pointee.conn
        ConnectionIO.emit(conn, Bytes("0\r\n"))
        for field in r.pointee.trailersOut.fields {
            ConnectionIO.emit(conn, r.pointee.arena.join(field.name, Bytes(": "), field.value))
            ConnectionIO.emit(conn, Bytes("\r\n"))
        }
        ConnectionIO.emit(conn, Bytes("\r\n"))
    }

    // MARK: Head

    /// The head of an answer with the whole of a file. Most are as the one before.
    static func sendHead(_ r: Request.Ref, of file: CachedFile.Ref) {
        runHeadHooks(r)
        guard ReadyHead.isUsual(r) else { return composeHead(r, length: file.pointee.info.size) }
        r.pointee.response.framing = .length
        r.pointee.response.lengthLeft = file.pointee.info.size
        r.pointee.response.keepsAlive = KeepAlive.isPossible(r)
        guard !file.pointee.head.send(r) else { return r.pointee.response.headIsSent = true }
        let before = theWorker.pointee.turnLength
        composeHead(r, length: file.pointee.info.size)
        guard file.pointee.isCached, theWorker.pointee.turnLength > before else { return }
        let head = Bytes(UnsafeRawPointer(theWorker.pointee.turnBuffer + before), count: theWorker.pointee.turnLength - before)
        file.pointee.head.note(head, r)
    }

    /// Decides the framing and sends the head. `length`: the whole body's, when it is known.
    static func sendHead(_ r: Request.Ref, length: Int64?) {
        runHeadHooks(r)
        composeHead(r, length: length)
    }

    @inline(__always)
    private static func runHeadHooks(_ r: Request.Ref) {
        if theWorker.pointee.responseHead.pointee.count > 0 { HookRunner.run(theWorker.pointee.responseHead, r) }
    }

    @inline(never)
    private static func composeHead(_ r: Request.Ref, length: Int64?) {
        decideFraming(r, length)
        Vary.settle(r)
        r.pointee.response.keepsAlive = KeepAlive.isPossible(r)
        let bound = headBound(r)
        if let place = ConnectionIO.reserve(r.pointee.conn, bound) {
            var writer = ByteWriter(place, capacity: bound)
            compose(r, &writer)
            ConnectionIO.commit(writer.count)
            r.pointee.response.wireSent += Int64(writer.count)
        } else {
            var writer = ByteWriter(r.pointee.arena.pointee.allocate(bound), capacity: bound)
            compose(r, &writer)
            ConnectionIO.queue(r.pointee.conn, copyOf: writer.written)
            r.pointee.response.wireSent += Int64(writer.count)
        }
        r.pointee.response.headIsSent = true
    }

    private static func decideFraming(_ r: Request.Ref, _ length: Int64?) {
        let status = r.pointee.status
        if let length, status != 304, status != 204, status >= 200 { r.pointee.response.lengthLeft = length }
        if status == 204 || status == 304 || status < 200 {
            r.pointee.response.framing = .none
        } else if let announced = r.pointee.headersOut.first("Content-Length")?.decimal, length == nil || r.pointee.isHead {
            r.pointee.response.lengthLeft = announced
            r.pointee.response.framing = r.pointee.isHead ? .none : .length
        } else if length != nil {
            r.pointee.response.framing = r.pointee.isHead ? .none : .length
        } else if r.pointee.isHead {
            r.pointee.response.framing = .none
        } else {
            r.pointee.response.framing = r.pointee.isHTTP11 ? .chunked : .close
        }
    }

    /// No head is longer than this.
    @inline(__always)
    private static func headBound(_ r: Request.Ref) -> Int {
        var bound = 512 + r.pointee.contentType.count + r.core.defaultCharset.count + r.pointee.contentEncoding.count
            + r.pointee.contentLanguage.count + r.pointee.reason.count + theWorker.pointee.serverField.count
        for field in r.pointee.headersOut.fields { bound &+= field.name.count &+ field.value.count &+ 4 }
        for field in r.pointee.errorHeadersOut.fields { bound &+= field.name.count &+ field.value.count &+ 4 }
        return bound
    }

    private static func compose(_ r: Request.Ref, _ writer: inout ByteWriter) {
        writer.append("HTTP/1.1 ")
        if r.pointee.reasonStatus == r.pointee.status {
            writer.append(decimal: Int64(r.pointee.status))
            writer.append(" ")
            writer.append(r.pointee.reason)
        } else if StatusLine.isKnown(r.pointee.status) {
            writer.append(StatusLine.text(r.pointee.status))
        } else {
            writer.append(decimal: Int64(r.pointee.status))
            writer.append(" Unknown")
        }
        writer.append("\r\nDate: ")
        writer.append(theWorker.pointee.dateText)
        writer.append("\r\nServer: ")
        writer.append(theWorker.pointee.serverField)
        writer.append("\r\n")
        for field in r.pointee.errorHeadersOut.fields { appendUnlessFraming(field, &writer) }
        for field in r.pointee.headersOut.fields { appendUnlessFraming(field, &writer) }
        composeFraming(r, &writer)
        composeContent(r, &writer)
        writer.append("\r\n")
    }

    static func appendUnlessFraming(_ field: Field, _ writer: inout ByteWriter) {
        // Framing is the server's own: what a handler says of it has been taken into account. So are its name and clock.
        switch field.name.count {
        case 4 where field.name.equalsIgnoringCase("Date"): return
        case 6 where field.name.equalsIgnoringCase("Server"): return
        case 14 where field.name.equalsIgnoringCase("Content-Length"): return
        case 17 where field.name.equalsIgnoringCase("Transfer-Encoding"): return
        case 10 where field.name.equalsIgnoringCase("Connection") || field.name.equalsIgnoringCase("Keep-Alive"): return
        default: append(field, &writer)
        }
    }

    private static func append(_ field: Field, _ writer: inout ByteWriter) {
        writer.append(field.name)
        writer.append(": ")
        writer.append(field.value)
        writer.append("\r\n")
    }

    private static func composeFraming(_ r: Request.Ref, _ writer: inout ByteWriter) {
        switch r.pointee.response.framing {
        case .length:
            writer.append("Content-Length: ")
            writer.append(decimal: r.pointee.response.lengthLeft)
            writer.append("\r\n")
        case .none where r.pointee.status == 101:
            // RFC 9110, 7.8; the Upgrade field is set already.
            return writer.append("Connection: Upgrade\r\n")
        case .none where r.pointee.isHead && r.pointee.response.lengthLeft > 0:
            writer.append("Content-Length: ")
            writer.append(decimal: r.pointee.response.lengthLeft)
            writer.append("\r\n")
        default: break
        }
        KeepAlive.compose(r, &writer)
        if r.pointee.response.framing == .chunked { writer.append("Transfer-Encoding: chunked\r\n") }
    }

    private static func composeContent(_ r: Request.Ref, _ writer: inout ByteWriter) {
        guard r.pointee.status != 204, r.pointee.status >= 200 else { return }
        if !r.pointee.contentEncoding.isEmpty {
            append(Field(name: Bytes("Content-Encoding"), value: r.pointee.contentEncoding), &writer)
        }
        if !r.pointee.contentLanguage.isEmpty {
            append(Field(name: Bytes("Content-Language"), value: r.pointee.contentLanguage), &writer)
        }
        guard r.pointee.status != 304, !r.pointee.contentType.isEmpty else { return }
        writer.append("Content-Type: ")
        writer.append(r.pointee.contentType)
        let charset = r.core.defaultCharset
        let type = r.pointee.contentType
        if !charset.isEmpty, type == "text/html" || type == "text/plain" {
            writer.append("; charset=")
            writer.append(charset)
        }
        writer.append("\r\n")
    }
}

/// Whether and how a connection goes on after an answer (RFC 9112, 9.3).
enum KeepAlive {
    static func isPossible(_ r: Request.Ref) -> Bool {
        let conn = r.pointee.conn
        let limits = r.pointee.server.pointee.limits
        guard limits.keepAlive, !conn.pointee.isPoisoned, !conn.pointee.closesWhenSent, !theWorker.pointee.isDraining else { return false }
        if limits.maxKeepAliveRequests > 0, conn.pointee.requests > limits.maxKeepAliveRequests { return false }
        if r.pointee.framing.wantsClose || r.pointee.response.framing == .close || isRefused(r) { return false }
        // The rest of the body could not be told from the next request, or will never be sent.
        guard r.pointee.body.isComplete || canBeDrained(r) else { return false }
        return r.pointee.isHTTP11 || r.pointee.framing.wantsKeepAlive
    }

    /// Whether a module, or Header, has put `Connection: close` into the answer.
    @inline(__always)
    private static func isRefused(_ r: Request.Ref) -> Bool {
        let hasOthers = r.pointee.headersOut.version != r.pointee.response.plainVersion
        return (hasOthers || r.pointee.errorHeadersOut.count > 0) && saysClose(r)
    }

    @inline(never)
    private static func saysClose(_ r: Request.Ref) -> Bool {
        saysClose(r.pointee.headersOut) || saysClose(r.pointee.errorHeadersOut)
    }

    private static func saysClose(_ fields: FieldTable) -> Bool {
        guard let value = fields.first("Connection") else { return false }
        var closes = false
        Token.eachElement(value) { if $0.equalsIgnoringCase("close") { closes = true } }
        return closes
    }

    /// Whether what is left of the body is worth reading to keep the connection.
    private static func canBeDrained(_ r: Request.Ref) -> Bool {
        if r.pointee.framing.expect.isSet, !r.pointee.response.continueIsSent { return false }
        return r.pointee.body.kind == .length && r.pointee.body.left <= 64 << 10
    }

    static func compose(_ r: Request.Ref, _ writer: inout ByteWriter) {
        guard r.pointee.response.keepsAlive else { return writer.append("Connection: close\r\n") }
        // As httpd does: told only to clients that ask.
        guard r.pointee.framing.wantsKeepAlive else { return }
        writer.append("Keep-Alive: ")
        composeParameters(r, &writer)
        writer.append("\r\nConnection: Keep-Alive\r\n")
    }

    static func composeParameters(_ r: Request.Ref, _ writer: inout ByteWriter) {
        let limits = r.pointee.server.pointee.limits
        writer.append("timeout=")
        writer.append(decimal: limits.keepAliveTimeout / 1_000_000)
        if limits.maxKeepAliveRequests > 0 {
            writer.append(", max=")
            writer.append(decimal: Int64(limits.maxKeepAliveRequests - r.pointee.conn.pointee.requests + 1))
        }
    }
}
