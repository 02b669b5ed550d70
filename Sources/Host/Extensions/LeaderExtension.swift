import ByteKit
import CSystem
import Glibc
import ModuleABI
import ModuleABI.Draft

/// apus/leader.h
enum LeaderExtension {
    static let table = apus_leader_v1(
        size: Extensions.size(apus_leader_v1.self), reserved: 0,
        watch_file: { host, path, fn, ctx in
            guard let fn, let runtime = Runtime.current, !path.isEmpty else { return APUS_E_INVALID }
            guard theWorkerIfAny == nil else { return APUS_E_THREAD }
            FileWatch.add(.of(host), runtime.configuration.resolve(path.string), fn, ctx)
            return APUS_OK
        },
        on_message: { host, fn, ctx in
            guard let fn else { return APUS_E_INVALID }
            guard theWorkerIfAny == nil else { return APUS_E_THREAD }
            Messages.receive(.of(host), Messages.Receiver(fn: fn, ctx: ctx))
            return APUS_OK
        },
        broadcast: { host, name, bytes in
            guard let name = Extensions.name(name), bytes.count >= 0 else { return APUS_E_INVALID }
            guard Worker.isLoopThread else { return APUS_E_THREAD }
            return Messages.broadcast(.of(host), name, bytes)
        },
        lease: { host, name in withLease(host, name) { Lease.hold($0, slot: $1, now: Clock.monotonic()) ? APUS_OK : APUS_DECLINED } },
        release: { host, name in
            withLease(host, name) {
                Lease.release($0, slot: $1)
                return APUS_OK
            }
        })

    /// Calls `body` with the lease of a name and this worker's slot. Names may share a lease: then one worker does both.
    private static func withLease(
        _ host: UnsafePointer<apus_host>?, _ name: apus_str, _ body: (UnsafeMutablePointer<Lease>, Int) -> apus_status
    ) -> apus_status {
        guard theWorkerIfAny != nil, Worker.isLoopThread else { return APUS_E_THREAD }
        guard let scoreboard = theWorker.pointee.scoreboard, let slot = WorkerProcess.slotIndex else { return APUS_OK }
        var hash = UInt32(truncatingIfNeeded: HostRecord.of(host).pointee.index) &* 2_654_435_761
        for byte in name.buffer { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
        return body(scoreboard.leases + Int(hash >> 8) % Scoreboard.leaseCount, slot)
    }
}

/// apus/draft/handover.h
enum HandoverExtension {
    static let table = apus_handover_v0(
        size: Extensions.size(apus_handover_v0.self), reserved: 0,
        put: { host, name, bytes in
            withKey(host, name) { handover, key in
                guard bytes.count <= Messages.sizeLimit else { return APUS_E_TOO_BIG }
                let descriptor = cs_memfd_sealed("apus value", bytes.ptr, bytes.count)
                guard descriptor >= 0 else { return APUS_E_NOMEM }
                defer { close(descriptor) }
                handover.offer(key, descriptor)
                handover.inherited.put(key, fcntl(descriptor, F_DUPFD_CLOEXEC, 3))
                return APUS_OK
            }
        },
        get: { host, name, pool, out in
            let status = withKey(host, name) { handover, key in
                guard let entry = handover.inherited[key] else { return APUS_E_NOT_FOUND }
                handover.offer(key, entry.descriptor)
                var status = APUS_E_IO
                Messages.withMapped(entry.descriptor) { bytes in
                    out?.pointee = PoolExtension.arena(pool).copy(bytes)
                    status = APUS_OK
                }
                return status
            }
            return status == APUS_E_UNSUPPORTED ? APUS_E_NOT_FOUND : status
        },
        remove: { host, name in
            withKey(host, name) { handover, key in
                handover.withdraw(key)
                handover.inherited.remove(key)
                return APUS_OK
            }
        })

    private static func withKey(
        _ host: UnsafePointer<apus_host>?, _ name: apus_str, _ body: (Handover, String) -> apus_status
    ) -> apus_status {
        guard theWorkerIfAny == nil else { return APUS_E_THREAD }
        guard let name = Extensions.name(name) else { return APUS_E_INVALID }
        guard let handover = Runtime.current?.handover else { return APUS_E_UNSUPPORTED }
        return body(handover, "value \(LoadedModule.of(host).name) \(name)")
    }
}
