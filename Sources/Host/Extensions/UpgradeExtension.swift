import ByteKit
import ModuleABI
import ModuleABI.Draft

/// "apus.upgrade/0.1" of apus/draft/protocol.h
enum UpgradeExtension {
    static let table = apus_upgrade_v0(
        size: Extensions.size(apus_upgrade_v0.self), reserved: 0,
        asked: { r, name in Upgrade.isAsked(.of(r), name) ? 1 : 0 },
        switch_to: { r, name, vtable, state in
            guard Worker.isLoopThread else { return APUS_E_THREAD }
            guard let vtable, vtable.pointee.receive != nil, vtable.pointee.close != nil else { return APUS_E_INVALID }
            return Takeover.accept(.of(r), name, vtable, state)
        },
        send: { c, parts, count in Takeover.send(.of(c), UnsafeBufferPointer(start: parts, count: Int(count))) },
        pending: { c in ConnectionIO.pending(.of(c)) },
        hold: { c, held in Takeover.hold(.of(c), held != 0) },
        idle_limit: { c, time in Takeover.setIdleLimit(.of(c), time) },
        take: { c, vtable, state in
            let conn = Connection.Ref.of(c)
            guard let vtable, vtable.pointee.receive != nil, vtable.pointee.close != nil, conn.pointee.state == .head,
                conn.pointee.requests == 0, conn.pointee.takeover == nil
            else { return APUS_E_INVALID }
            Takeover.take(conn, vtable, state, Activity.later(.protocol))
            return APUS_OK
        })
}
