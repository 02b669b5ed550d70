import ByteKit
import Glibc
import ModuleABI

/// apus/conn.h
enum ConnExtension {
    static let table = apus_conn_v1(
        size: Extensions.size(apus_conn_v1.self), reserved: 0,
        get: { c, field in
            let conn = Connection.Ref.of(c)
            return switch field {
            case APUS_C_PEER_ADDRESS: conn.peerAddress()
            case APUS_C_LOCAL_ADDRESS: conn.localAddressText()
            case APUS_C_TRANSPORT: conn.pointee.transport == nil ? Bytes("tcp") : conn.pointee.transportName
            case APUS_C_PROTOCOL: conn.pointee.transport?.pointee.`protocol`?(conn.pointee.transportState) ?? .none
            case APUS_C_LOG_ID: LogID.text(of: conn)
            default: .none
            }
        },
        number: { c, field in
            let conn = Connection.Ref.of(c)
            return switch field {
            case APUS_C_PEER_PORT: Int64(conn.pointee.peer.port)
            case APUS_C_LOCAL_PORT: Int64(conn.pointee.local.port)
            case APUS_C_IS_SECURE: conn.pointee.isSecure ? 1 : 0
            case APUS_C_REQUESTS: Int64(conn.pointee.requests)
            case APUS_C_ID: Int64(conn.pointee.id)
            case APUS_C_IS_DRAINING: theWorker.pointee.isDraining ? 1 : 0
            default: 0
            }
        },
        server: { c in Connection.Ref.of(c).pointee.server.handle },
        pool: { c in Connection.Ref.of(c).pool.handle },
        slot: { c, host in Connection.Ref.of(c).pointee.slots?[HostRecord.of(host).pointee.index] },
        set_slot: { c, host, value in
            let conn = Connection.Ref.of(c)
            if conn.pointee.slots == nil { conn.pointee.slots = RequestExtension.newSlots(conn.pool) }
            conn.pointee.slots?[HostRecord.of(host).pointee.index] = value
        },
        token: { c in Connection.Ref.of(c).token },
        close: { c in
            let conn = Connection.Ref.of(c)
            if conn.pointee.takeover != nil { return Takeover.finish(conn) }
            conn.pointee.closesWhenSent = true
            if conn.pointee.request == nil { Turn.run(conn) { conn.close() } }
        })
}
