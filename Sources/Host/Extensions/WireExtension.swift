import ByteKit
import Glibc
import ModuleABI
import ModuleABI.Draft

/// "apus.wire/0.1" of apus/draft/transport.h
enum WireExtension {
    static let table = apus_wire_v0(
        size: Extensions.size(apus_wire_v0.self), reserved: 0,
        read: { c, buffer, capacity, n in
            guard let buffer else { return APUS_E_INVALID }
            var got = 0
            let status = ConnectionIO.receive(.of(c), buffer, min(Extensions.count(capacity), 1 << 30), &got)
            n?.pointee = got
            return status
        },
        write: { c, bytes, length, n in
            var done = 0
            defer { n?.pointee = done }
            return WireOutput.write(.of(c), Bytes(bytes.unsafelyUnwrapped, count: Int(length)), &done)
        },
        select_server: { c, name, matched in
            let conn = Connection.Ref.of(c)
            let order = conn.pointee.entry?.pointee.names.find(lowercasing: name)
            matched?.pointee = order == nil ? 0 : 1
            if let order, let entry = conn.pointee.entry { conn.pointee.server = entry.pointee.servers[order] }
            return conn.pointee.server.handle
        },
        suspend: { c, onCancel, ctx, out in
            guard let out, Connection.Ref.of(c).pointee.state == .handshake else { return APUS_E_INVALID }
            out.pointee = Tasks.suspend(handshake: .of(c), onCancel, ctx)
            return APUS_OK
        },
        state: { c, name in
            let conn = Connection.Ref.of(c)
            guard conn.pointee.transport != nil, conn.pointee.transportName == name else { return nil }
            return conn.pointee.transportState
        })
}
