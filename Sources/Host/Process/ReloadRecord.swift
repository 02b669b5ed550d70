import CSystem
import Glibc

/// How reloads have gone, in memory that the supervisor writes and all generations can read.
struct ReloadRecord {
    /// Generations that did not become ready, but for the first.
    var failed: Int64 = 0

    /// Its name in the supervisor's table.
    static let name = "reload record"

    /// That of this process; nil: there is no supervisor.
    nonisolated(unsafe) private(set) static var current: UnsafeMutablePointer<ReloadRecord>?

    /// In the supervisor. Returns the memory for the table.
    static func make() -> Int32? {
        let descriptor = cs_memfd("apus reloads")
        guard descriptor >= 0, ftruncate(descriptor, off_t(MemoryLayout<ReloadRecord>.size)) == 0 else { return nil }
        current = map(descriptor, PROT_READ | PROT_WRITE)
        return descriptor
    }

    /// In a generation. Takes the descriptor.
    static func adopt(_ descriptor: Int32) {
        current = map(descriptor, PROT_READ)
        close(descriptor)
    }

    static func noteFailure() {
        if let current { cs_store(&current.pointee.failed, current.pointee.failed + 1) }
    }

    private static func map(_ descriptor: Int32, _ protection: Int32) -> UnsafeMutablePointer<ReloadRecord>? {
        var info = stat()
        let size = MemoryLayout<ReloadRecord>.size
        // An older supervisor may have left a shorter one.
        guard fstat(descriptor, &info) == 0, info.st_size >= size else { return nil }
        let memory = mmap(nil, size, protection, MAP_SHARED, descriptor, 0)
        guard let memory, memory != MAP_FAILED else { return nil }
        return memory.bindMemory(to: ReloadRecord.self, capacity: 1)
    }
}
