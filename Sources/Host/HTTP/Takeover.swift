import ByteKit
import Glibc
import ModuleABI
import ModuleABI.Draft

/// A connection whose bytes are a protocol's of a module: by agreement in the handshake, or after an answer 101.
///
/// Lies in the connection's memory. Whoever has one is told of the end once, by `close`.
struct Takeover {
    let vtable: UnsafePointer<apus_protocol_v0>
    var state: UnsafeMutableRawPointer?
    /// Its callbacks, as what is running.
    let callback: Activity.Callback
    /// The module asked that nothing be received for now.
    var isHeld = false
    /// The peer has finished sending, and the module knows.
    var hasEnded = false
    /// The module was told to wait before it sends more.
    var isFull = false
    /// Microseconds without a byte after which the connection ends; 0: none.
    var idleLimit: Int64
    /// When a byte came or went last.
    var lastMoved: Int64

    /// More waiting bytes than this and the module is asked to wait; it goes on when a quarter is left.
    private static let highWater: Int64 = 256 << 10
    /// So often the connection is read before others have their turn.
    private static let share = 16

    // MARK: Beginning

    /// The connection becomes a protocol's that the transport agreed on. False: the protocol refused it.
    static func open(_ conn: Connection.Ref, _ link: ProtocolLink) -> Bool {
        var state: UnsafeMutableRawPointer?
        // It may speak first.
        let callback = Activity.Callback(module: link.module, .protocol)
        take(conn, link.vtable, nil, callback)
        let isOpen = Activity.during(callback) { link.vtable.pointee.open?(link.ctx, conn.handle, &state) == APUS_OK }
        guard isOpen else {
            conn.pointee.takeover = nil
            return false
        }
        conn.pointee.takeover?.pointee.state = state
        begin(conn)
        return true
    }

    /// Answers 101: the connection goes on as `name` when the request's phases are over.
    static func accept(
        _ r: Request.Ref, _ name: Bytes, _ vtable: UnsafePointer<apus_protocol_v0>, _ state: UnsafeMutableRawPointer?
    ) -> apus_status {
        let conn = r.pointee.conn
        guard Upgrade.isAsked(r, name), r.pointee.body.isComplete, !r.pointee.response.headIsSent, conn.pointee.takeover == nil
        else { return APUS_E_INVALID }
        guard !conn.pointee.wasAborted else { return APUS_E_CLOSED }
        r.pointee.status = 101
        r.pointee.headersOut.set(Bytes("Upgrade"), r.copy(name), r.pointee.arena)
        Response.sendHead(r, length: nil)
        r.pointee.response.isEnded = true
        take(conn, vtable, state, Activity.later(.protocol))
        return APUS_OK
    }

    static func take(
        _ conn: Connection.Ref, _ vtable: UnsafePointer<apus_protocol_v0>, _ state: UnsafeMutableRawPointer?,
        _ callback: Activity.Callback
    ) {
        let place = conn.pool.allocate(Takeover.self)
        place.initialize(
            to: Takeover(
                vtable: vtable, state: state, callback: callback, idleLimit: conn.pointee.server.pointee.limits.timeout,
                lastMoved: theWorker.pointee.now))
        conn.pointee.takeover = place
    }

    /// From here on what comes is the protocol's.
    static func begin(_ conn: Connection.Ref) {
        guard let takeover = conn.pointee.takeover else { return }
        conn.pointee.state = .taken
        takeover.pointee.lastMoved = theWorker.pointee.now
        watch(conn)
        if conn.pointee.closesWhenSent { theWorker.pointee.loop.revisit(conn) }
    }

    // MARK: Bytes

    static func readable(_ conn: Connection.Ref) {
        var turns = share
        while let takeover = conn.pointee.takeover, !takeover.pointee.isHeld, !takeover.pointee.hasEnded {
            if !conn.pointee.input.isEmpty {
                guard receive(conn, takeover, conn.pointee.input.available) else { return }
                continue
            }
            guard turns > 0 else { return theWorker.pointee.loop.revisit(conn) }
            turns -= 1
            switch ConnectionIO.fill(conn) {
            case .data: continue
            case .again: return
            case .failed: return conn.close()
            case .end:
                takeover.pointee.hasEnded = true
                guard receive(conn, takeover, .none) else { return }
            }
        }
    }

    /// Hands bytes to the protocol. False: the connection has ended.
    private static func receive(_ conn: Connection.Ref, _ takeover: UnsafeMutablePointer<Takeover>, _ bytes: Bytes) -> Bool {
        takeover.pointee.lastMoved = theWorker.pointee.now
        let status = Activity.during(takeover.pointee.callback) {
            takeover.pointee.vtable.pointee.receive?(takeover.pointee.state, bytes.ptr, bytes.count) ?? APUS_E_FAIL
        }
        guard conn.pointee.state == .taken else { return false }
        conn.pointee.input.consume(bytes.count)
        if status < 0 { conn.close() }
        return status >= 0 && conn.pointee.state == .taken
    }

    /// Takes bytes to be sent.
    static func send(_ conn: Connection.Ref, _ parts: UnsafeBufferPointer<apus_str>) -> apus_status {
        guard let takeover = conn.pointee.takeover, !conn.pointee.wasAborted, !conn.pointee.closesWhenSent else {
            return APUS_E_CLOSED
        }
        for part in parts where !part.isEmpty {
            ConnectionIO.emit(conn, part)
            conn.pointee.request?.pointee.response.wireSent += Int64(part.count)
        }
        takeover.pointee.lastMoved = theWorker.pointee.now
        // Outside the connection's turn nobody else sends what is queued.
        if theWorker.pointee.turn != conn || ConnectionIO.pending(conn) > highWater { ConnectionIO.flush(conn) }
        guard !conn.pointee.wasAborted else {
            theWorker.pointee.loop.revisit(conn)
            return APUS_E_CLOSED
        }
        takeover.pointee.isFull = ConnectionIO.pending(conn) > highWater
        return takeover.pointee.isFull ? APUS_AGAIN : APUS_OK
    }

    /// Some of what waited has left.
    static func writable(_ conn: Connection.Ref) {
        guard let takeover = conn.pointee.takeover else { return }
        if conn.pointee.wasAborted || conn.pointee.closesWhenSent && ConnectionIO.pending(conn) == 0 { return end(conn) }
        guard takeover.pointee.isFull, ConnectionIO.pending(conn) < highWater / 4 else { return }
        takeover.pointee.isFull = false
        takeover.pointee.lastMoved = theWorker.pointee.now
        let status = Activity.during(takeover.pointee.callback) {
            takeover.pointee.vtable.pointee.writable?(takeover.pointee.state) ?? APUS_OK
        }
        if status < 0 { conn.close() }
    }

    /// Whether it would learn by reading that the connection is broken.
    static func isReading(_ conn: Connection.Ref) -> Bool {
        guard let takeover = conn.pointee.takeover else { return false }
        return !takeover.pointee.isHeld && !takeover.pointee.hasEnded
    }

    static func hold(_ conn: Connection.Ref, _ isHeld: Bool) -> apus_status {
        guard let takeover = conn.pointee.takeover else { return APUS_E_INVALID }
        let wasHeld = takeover.pointee.isHeld
        takeover.pointee.isHeld = isHeld
        if wasHeld, !isHeld { theWorker.pointee.loop.revisit(conn) }
        return APUS_OK
    }

    // MARK: Time

    static func setIdleLimit(_ conn: Connection.Ref, _ time: UInt64) -> apus_status {
        guard let takeover = conn.pointee.takeover else { return APUS_E_INVALID }
        takeover.pointee.idleLimit = Int64(clamping: min(time, 1 << 50))
        if conn.pointee.state == .taken { watch(conn) }
        return APUS_OK
    }

    private static func watch(_ conn: Connection.Ref) {
        guard let takeover = conn.pointee.takeover else { return }
        guard takeover.pointee.idleLimit > 0 else { return theWorker.pointee.timers.remove(conn) }
        theWorker.pointee.timers.set(conn, takeover.pointee.lastMoved + takeover.pointee.idleLimit)
    }

    /// The timer is set once and looks at what has happened in the meantime.
    static func expired(_ conn: Connection.Ref) {
        guard let takeover = conn.pointee.takeover, takeover.pointee.idleLimit > 0 else { return }
        guard theWorker.pointee.now - takeover.pointee.lastMoved >= takeover.pointee.idleLimit else { return watch(conn) }
        ErrorLog.write(.info, code: "APUS1104", connection: conn, "nothing came or went for too long; the connection is ended")
        Turn.run(conn) { conn.close() }
    }

    // MARK: Ending

    /// The module wants the end: after what it has sent.
    static func finish(_ conn: Connection.Ref) {
        conn.pointee.closesWhenSent = true
        guard conn.pointee.state == .taken else { return }
        if theWorker.pointee.turn != conn { ConnectionIO.flush(conn) }
        // Never under the feet of a callback of the protocol, which may be the one that asks.
        theWorker.pointee.loop.revisit(conn)
    }

    /// All is sent. The client may still be sending: the kernel must not reset the connection under the last bytes.
    private static func end(_ conn: Connection.Ref) {
        guard !conn.pointee.wasAborted, conn.pointee.takeover?.pointee.hasEnded == false else { return conn.close() }
        release(conn)
        Lingering.begin(conn)
    }

    /// Tells the protocol of the end, and ends the request that began it.
    static func release(_ conn: Connection.Ref) {
        guard let takeover = conn.pointee.takeover else { return }
        conn.pointee.takeover = nil
        Activity.during(takeover.pointee.callback) { takeover.pointee.vtable.pointee.close?(takeover.pointee.state) }
        guard conn.pointee.state == .taken, let r = conn.pointee.request else { return }
        HTTP1.conclude(r)
    }
}

/// What a client says about the protocol it would like to go on with (RFC 9110, 7.8).
enum Upgrade {
    static func isAsked(_ r: Request.Ref, _ name: Bytes) -> Bool {
        guard r.pointee.isHTTP11, r.pointee.main == nil, !name.isEmpty, Token.isToken(name) else { return false }
        return lists(r, "Connection", Bytes("upgrade")) && lists(r, "Upgrade", name)
    }

    /// Whether one of a field's values has the word in its list.
    private static func lists(_ r: Request.Ref, _ field: StaticString, _ word: Bytes) -> Bool {
        var isFound = false
        for line in r.pointee.headersIn.fields where line.name.equalsIgnoringCase(field) {
            Token.eachElement(line.value) { if $0.equalsIgnoringCase(word) { isFound = true } }
        }
        return isFound
    }
}

/// A protocol provider as a handshake's end finds it.
struct ProtocolLink {
    var module: Int
    var name: Bytes
    var vtable: UnsafePointer<apus_protocol_v0>
    var ctx: UnsafeMutableRawPointer?
}
