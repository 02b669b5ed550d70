import ByteKit
import CSystem
import Glibc
import ModuleABI

/// apus/shared.h
enum SharedExtension {
    private struct Segment {
        var base: UnsafeMutableRawPointer
        var length: Int
    }

    static let shmTable = apus_shm_v1(
        size: Extensions.size(apus_shm_v1.self), reserved: 0,
        create: { _, _, bytes, out in
            guard bytes > 0, theWorkerIfAny?.pointee.index ?? -1 < 0 else { return APUS_E_THREAD }
            let raw = mmap(nil, Int(bytes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)
            guard let raw, raw != MAP_FAILED else { return APUS_E_NOMEM }
            let segment = UnsafeMutablePointer<Segment>.allocate(capacity: 1)
            segment.initialize(to: Segment(base: raw, length: Int(bytes)))
            out?.pointee = OpaquePointer(segment)
            return APUS_OK
        },
        base: { shm in UnsafeMutablePointer<Segment>(shm.unsafelyUnwrapped).pointee.base },
        length: { shm in UnsafeMutablePointer<Segment>(shm.unsafelyUnwrapped).pointee.length })

    static let mutexTable = apus_mutex_v1(
        size: Extensions.size(apus_mutex_v1.self), reserved: 0,
        bytes: { cs_mutex_size() },
        init: { place, out in
            guard let place, cs_mutex_init(place) == 0 else { return APUS_E_INVALID }
            out?.pointee = OpaquePointer(place)
            return APUS_OK
        },
        lock: { mutex in status(cs_mutex_lock(UnsafeMutableRawPointer(mutex))) },
        try_lock: { mutex in
            let code = cs_mutex_trylock(UnsafeMutableRawPointer(mutex))
            return code == EBUSY ? APUS_AGAIN : status(code)
        },
        unlock: { mutex in _ = cs_mutex_unlock(UnsafeMutableRawPointer(mutex)) })

    private static func status(_ code: Int32) -> apus_status {
        switch code {
        case 0: APUS_OK
        case EOWNERDEAD: APUS_RECOVERED
        default: APUS_E_FAIL
        }
    }
}
