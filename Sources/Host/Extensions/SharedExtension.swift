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

    /// A segment of a memory file, or of memory without a name (-1).
    private static func map(_ descriptor: Int32, _ length: Int, _ out: UnsafeMutablePointer<OpaquePointer?>?) -> apus_status {
        let flags = descriptor < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED
        let raw = mmap(nil, length, PROT_READ | PROT_WRITE, flags, descriptor, 0)
        guard let raw, raw != MAP_FAILED else { return APUS_E_NOMEM }
        let segment = UnsafeMutablePointer<Segment>.allocate(capacity: 1)
        segment.initialize(to: Segment(base: raw, length: length))
        out?.pointee = OpaquePointer(segment)
        return APUS_OK
    }

    private static func key(_ host: UnsafePointer<apus_host>?, _ name: UnsafePointer<CChar>?) -> String? {
        name.flatMap { Extensions.name(Bytes(cString: $0)) }.map { "shm \(LoadedModule.of(host).name) \($0)" }
    }

    /// The memory file that an earlier generation left, with its length.
    private static func left(_ key: String) -> (descriptor: Int32, length: Int)? {
        guard let entry = Runtime.current?.handover?.inherited[key] else { return nil }
        var info = stat()
        guard fstat(entry.descriptor, &info) == 0, info.st_size > 0 else { return nil }
        return (entry.descriptor, Int(info.st_size))
    }

    private static func createLasting(_ key: String, _ length: Int, _ out: UnsafeMutablePointer<OpaquePointer?>?) -> (apus_status, Bool) {
        guard let handover = Runtime.current?.handover else { return (map(-1, length, out), false) }
        if let left = left(key), left.length == length {
            handover.offer(key, left.descriptor)
            return (map(left.descriptor, length, out), true)
        }
        let descriptor = cs_memfd(key)
        guard descriptor >= 0 else { return (APUS_E_NOMEM, false) }
        defer { close(descriptor) }
        guard ftruncate(descriptor, length) == 0 else { return (APUS_E_NOMEM, false) }
        handover.offer(key, descriptor)
        return (map(descriptor, length, out), false)
    }

    static let shmTable = apus_shm_v1(
        size: Extensions.size(apus_shm_v1.self), reserved: 0,
        create: { _, _, bytes, out in
            guard theWorkerIfAny == nil else { return APUS_E_THREAD }
            guard bytes > 0 else { return APUS_E_INVALID }
            return map(-1, Int(bytes), out)
        },
        base: { shm in UnsafeMutablePointer<Segment>(shm.unsafelyUnwrapped).pointee.base },
        length: { shm in UnsafeMutablePointer<Segment>(shm.unsafelyUnwrapped).pointee.length },
        create_lasting: { host, name, bytes, out, inherited in
            guard theWorkerIfAny == nil else { return APUS_E_THREAD }
            guard bytes > 0, let key = key(host, name) else { return APUS_E_INVALID }
            let (status, isOld) = createLasting(key, Int(bytes), out)
            inherited?.pointee = isOld ? 1 : 0
            return status
        },
        previous: { host, name, out in
            guard theWorkerIfAny == nil else { return APUS_E_THREAD }
            guard let key = key(host, name), let left = left(key) else { return APUS_E_NOT_FOUND }
            return map(left.descriptor, left.length, out)
        })

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
