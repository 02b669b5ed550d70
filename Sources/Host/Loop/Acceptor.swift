import ByteKit
import CSystem
import Glibc
import ModuleABI

/// Takes new connections from listening sockets and gives closed ones back.
enum Acceptor {
    /// One accept a wake-up, so that the other workers get theirs; more while this one has no more connections than they.
    static func accept(_ listener: UnsafeMutablePointer<Listener>) {
        var taken = 0
        while listener.pointee.fd >= 0 {
            switch acceptOne(listener) {
            case .accepted:
                // This connection was taken in any case: the kernel woke nobody else for it.
                if theWorker.pointee.hasMoreThanItsShare { return theWorker.pointee.loop.pause(listener) }
                taken += 1
                guard theWorker.pointee.hasAtMostItsShare else { return }
                if taken == listener.pointee.appetite.size { return listener.pointee.appetite.learn(taken: taken) }
            case .none: return listener.pointee.appetite.learn(taken: taken)
            // The kernel would wake this worker again at once, and for ever.
            case .exhausted: return theWorker.pointee.loop.pause(listener)
            }
        }
    }

    private enum Outcome {
        case accepted
        /// There is none to take.
        case none
        /// There is one, but no room for it.
        case exhausted
    }

    /// Stops listening. What the kernel has queued is taken: it may have woken nobody but this worker for it.
    static func leave(_ listener: UnsafeMutablePointer<Listener>) {
        theWorker.pointee.loop.remove(listener.pointee.fd)
        for _ in 0..<Int(listener.pointee.backlog) {
            guard acceptOne(listener) == .accepted else { break }
        }
        close(listener.pointee.fd)
        listener.pointee.fd = -1
    }

    private static func acceptOne(_ listener: UnsafeMutablePointer<Listener>) -> Outcome {
        var storage = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        let flags = Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let fd = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { cs_accept4(listener.pointee.fd, $0, &length, flags) }
        }
        guard fd >= 0 else { return explain(errno) }
        guard let peer = withUnsafePointer(to: &storage, { SocketAddress(UnsafeRawPointer($0)) }) else {
            close(fd)
            return .accepted
        }
        begin(fd, peer, listener)
        return .accepted
    }

    private static func explain(_ code: Int32) -> Outcome {
        switch code {
        case EAGAIN: return .none
        // It has gone again; there may be others behind it.
        case EINTR, ECONNABORTED: return .accepted
        case EMFILE, ENFILE:
            theWorker.pointee.files.removeAll()
            complain(.alert, "no more files can be opened; raise the limit (ulimit -n)")
        default: complain(.error, systemError(code))
        }
        return .exhausted
    }

    /// Not more often than now and then: who holds many connections must not fill the log as well.
    private static func complain(_ level: LogLevel, _ reason: String) {
        let now = theWorker.pointee.now
        guard now - theWorker.pointee.lastComplaint > 5_000_000 else { return }
        theWorker.pointee.lastComplaint = now
        ErrorLog.write(level, code: "APUS1301", "connections cannot be accepted: \(reason)")
    }

    /// The connection of a descriptor that was accepted.
    static func begin(_ fd: Int32, _ peer: SocketAddress, _ listener: UnsafeMutablePointer<Listener>) {
        let conn = take(fd, peer, listener)
        if listener.pointee.isWildcard, theWorker.pointee.hosts.needsLocalAddress { _ = conn.localAddress() }
        VirtualHosts.settle(conn)
        Turn.run(conn) {
            if theWorker.pointee.preConnection.pointee.count > 0 {
                let status = HookRunner.run(theWorker.pointee.preConnection, conn, isVoid: false)
                if status != APUS_OK { return conn.close() }
            }
            if theWorker.pointee.taps.count > 0 { Tap.open(conn) }
            guard Preface.isExpected(on: conn) || Handshake.open(conn) else { return conn.close() }
            if conn.pointee.state != .taken { Deadlines.waitForHandshake(conn) }
            HTTP1.readable(conn)
        }
    }

    static func take(_ fd: Int32, _ peer: SocketAddress, _ listener: UnsafeMutablePointer<Listener>) -> Connection.Ref {
        let conn: Connection.Ref
        if let unused = theWorker.pointee.freeConnections {
            conn = unused
            theWorker.pointee.freeConnections = unused.pointee.freeNext
        } else {
            conn = .allocate(capacity: 1)
        }
        conn.initialize(
            to: Connection(
                fd: fd, id: theWorker.pointee.nextConnectionID, listener: UnsafePointer(listener),
                server: theWorker.pointee.hosts.main, peer: peer, local: listener.pointee.address))
        theWorker.pointee.nextConnectionID += 1
        countConnections(by: 1)
        let accepted = theWorker.pointee.slot.pointee.accepted + 1
        cs_store(&theWorker.pointee.slot.pointee.accepted, accepted)
        if accepted == theWorker.pointee.connectionLimit { WorkerProcess.retire() }
        return conn
    }

    /// Gives a closed connection's memory back.
    static func recycle(_ conn: Connection.Ref) {
        conn.pointee.freeNext = theWorker.pointee.freeConnections
        theWorker.pointee.freeConnections = conn
        countConnections(by: -1)
    }

    private static func countConnections(by difference: Int) {
        theWorker.pointee.connectionCount += difference
        cs_store(&theWorker.pointee.slot.pointee.connections, Int64(theWorker.pointee.connectionCount))
    }
}

extension UnsafeMutablePointer where Pointee == Connection {
    /// Closes at once: the request at hand, if any, is abandoned. Its memory is recycled at the end of the turn.
    func close() {
        guard pointee.state != .closed else { return }
        if pointee.state == .taken { Takeover.release(self) }
        if let r = pointee.request {
            // A request on another thread or suspended ends first; then this is called again.
            pointee.wasAborted = true
            return Tasks.cancel(r)
        }
        // It was promised the connection, but the answer that says so never left.
        Takeover.release(self)
        if theWorker.pointee.closeConnection.pointee.count > 0 {
            _ = HookRunner.run(theWorker.pointee.closeConnection, self, isVoid: true)
        }
        Tasks.giveUp(handshake: self)
        closeTransport()
        pointee.state = .closed
        theWorker.pointee.timers.remove(self)
        pointee.output.removeAll()
        pointee.input.release()
        theWorker.pointee.loop.forget(pointee.fd)
        Glibc.close(pointee.fd)
        if let arena = pointee.arena { Arena.destroy(arena) }
        pointee.arena = nil
        // Outside its turn nobody else gives the memory back.
        if theWorker.pointee.turn != self { Acceptor.recycle(self) } else { theWorker.pointee.turnLength = 0 }
    }

    private func closeTransport() {
        guard let transport = pointee.transport else { return }
        Activity.during(pointee.transportCallback) {
            if !pointee.wasAborted, pointee.state != .lingering { _ = transport.pointee.shutdown?(pointee.transportState) }
            transport.pointee.close?(pointee.transportState)
        }
        pointee.transport = nil
    }

    /// The address the client connected to; asked of the kernel once where the listener does not say it.
    func localAddress() -> SocketAddress {
        guard pointee.listener.pointee.isWildcard, !pointee.localIsKnown else { return pointee.local }
        var storage = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        let status = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(pointee.fd, $0, &length) }
        }
        if status == 0, let address = withUnsafePointer(to: &storage, { SocketAddress(UnsafeRawPointer($0)) }) {
            pointee.local = address
        }
        pointee.localIsKnown = true
        return pointee.local
    }
}
