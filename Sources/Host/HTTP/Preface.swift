import ByteKit
import Glibc
import ModuleABI
import ModuleABI.Draft

/// What a connection begins with before its transport, such as the header of the PROXY protocol. A module knows what it
/// is; it is looked at where it lies in the socket, so that whoever reads next finds what follows it.
struct Preface {
    let vtable: UnsafePointer<apus_preface_v0>
    let ctx: UnsafeMutableRawPointer?

    private static let limit = Int(APUS_PREFACE_MAX)

    /// Whether some module expects one on a new connection, which then waits for it.
    static func isExpected(on conn: Connection.Ref) -> Bool {
        for index in theWorker.pointee.prefaces.indices {
            let preface = theWorker.pointee.prefaces.baseAddress.unsafelyUnwrapped + index
            guard preface.pointee.vtable.pointee.expects?(preface.pointee.ctx, conn.handle) == APUS_OK else { continue }
            conn.pointee.preface = preface
            conn.pointee.state = .preface
            return true
        }
        return false
    }

    /// True: it is read, and the transport has its turn.
    static func advance(_ conn: Connection.Ref) -> Bool {
        guard let preface = conn.pointee.preface, conn.pointee.mayRead else { return false }
        let buffer = theWorker.pointee.readBuffer
        guard let count = receive(conn, buffer, limit, Int32(MSG_PEEK)) else { return false }
        var used = 0
        switch preface.pointee.vtable.pointee.read?(preface.pointee.ctx, conn.handle, buffer, count, &used) {
        case APUS_OK where used <= count:
            guard used == 0 || receive(conn, buffer, used, 0) == used else { return false }
            return begin(conn)
        // Whoever has hung up, or sent this much already, will not send what is missing.
        case APUS_AGAIN where !conn.pointee.hasHungUp && count < limit: conn.pointee.mayRead = false
        default: conn.close()
        }
        return false
    }

    /// Nil: nothing is there yet, or the connection is gone.
    private static func receive(_ conn: Connection.Ref, _ buffer: UnsafeMutablePointer<UInt8>, _ room: Int, _ flags: Int32) -> Int? {
        while true {
            let count = recv(conn.pointee.fd, buffer, room, flags)
            if count > 0 { return count }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { conn.pointee.mayRead = false } else { conn.close() }
            return nil
        }
    }

    private static func begin(_ conn: Connection.Ref) -> Bool {
        conn.pointee.state = .handshake
        guard Handshake.open(conn) else {
            conn.close()
            return false
        }
        return true
    }
}
