import ByteKit
import Glibc
import ModuleABI
import ModuleABI.Draft

/// The first moments of a connection: which transport carries it, and that transport's agreement with the client.
enum Handshake {
    /// Puts the first transport that wants the connection under it. False: the connection is refused.
    static func open(_ conn: Connection.Ref) -> Bool {
        for offered in theWorker.pointee.transports {
            var state: UnsafeMutableRawPointer?
            guard let open = offered.vtable.pointee.open else { continue }
            let status = open(offered.ctx, conn.handle, &state)
            if status == APUS_DECLINED { continue }
            guard status == APUS_OK else { return false }
            conn.pointee.transport = offered.vtable
            conn.pointee.transportState = state
            conn.pointee.transportName = offered.name
            conn.pointee.transportCallback = Activity.Callback(module: offered.module, .transport)
            conn.pointee.isSecure = offered.vtable.pointee.flags & APUS_TRANSPORT_SECURE != 0
            return true
        }
        return agree(conn)
    }

    /// True: agreed, the connection can read its first request.
    static func advance(_ conn: Connection.Ref) -> Bool {
        guard let transport = conn.pointee.transport, let handshake = transport.pointee.handshake else {
            return agree(conn)
        }
        guard conn.pointee.handshakeTask == 0 else { return false }
        switch Activity.during(conn.pointee.transportCallback, { handshake(conn.pointee.transportState) }) {
        case APUS_OK: return agree(conn)
        case APUS_AGAIN, APUS_SUSPENDED: return false
        case APUS_DECLINED:
            speakPlainly(conn)
            return false
        default:
            conn.close()
            return false
        }
    }

    /// From here on it is HTTP/1, unless somebody takes the connection for another protocol. False: it is closed.
    private static func agree(_ conn: Connection.Ref) -> Bool {
        conn.pointee.state = .head
        guard theWorker.pointee.processConnection.pointee.count > 0 else { return handOver(conn) }
        let status = HookRunner.run(theWorker.pointee.processConnection, conn, isVoid: false)
        guard status == APUS_OK else {
            Takeover.release(conn)
            conn.close()
            return false
        }
        guard conn.pointee.takeover != nil else { return handOver(conn) }
        Takeover.begin(conn)
        return true
    }

    /// Gives the connection to the protocol that the transport agreed on, if a module brings it. False: it refused.
    private static func handOver(_ conn: Connection.Ref) -> Bool {
        guard theWorker.pointee.protocols.count > 0,
            let name = conn.pointee.transport?.pointee.`protocol`?(conn.pointee.transportState), !name.isEmpty,
            let link = theWorker.pointee.protocols.first(where: { $0.name == name })
        else { return true }
        guard Takeover.open(conn, link) else {
            conn.close()
            return false
        }
        return true
    }

    /// The client spoke HTTP where TLS was expected: it is told so in words it understands.
    private static func speakPlainly(_ conn: Connection.Ref) {
        conn.pointee.transport?.pointee.close?(conn.pointee.transportState)
        conn.pointee.transport = nil
        conn.pointee.transportState = nil
        conn.pointee.isSecure = false
        conn.pointee.requests = 1
        let body = Bytes(
            """
            <!DOCTYPE html>
            <html lang="en"><head><title>400 Bad Request</title></head><body>
            <h1>Bad Request</h1>
            <p>This port speaks HTTPS, but your client spoke plain HTTP to it. Use a URL that begins with https://.</p>
            </body></html>

            """)
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 1024) { buffer in
            var writer = ByteWriter(buffer.baseAddress.unsafelyUnwrapped, capacity: 1024)
            writer.append("HTTP/1.1 400 Bad Request\r\nDate: ")
            writer.append(theWorker.pointee.dateText)
            writer.append("\r\nServer: ")
            writer.append(theWorker.pointee.serverField)
            writer.append("\r\nContent-Length: ")
            writer.append(decimal: Int64(body.count))
            writer.append("\r\nConnection: close\r\nContent-Type: text/html; charset=utf-8\r\n\r\n")
            writer.append(body)
            ConnectionIO.emit(conn, writer.written)
        }
        ErrorLog.write(.info, code: "AH01996", connection: conn, "the client spoke plain HTTP to a port that speaks HTTPS")
        Lingering.begin(conn)
    }
}
