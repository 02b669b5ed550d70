import Glibc
import ModuleKit
import Support

/// Memory and a robust lock that all workers share.
final class SharedMemory: Module, @unchecked Sendable {
    static let info = ModuleInfo(
        "abi_shared_module", version: "1.0", requires: [APUS_EXT_SHM, APUS_EXT_MUTEX])

    private let host: Host
    private let table: UnsafePointer<apus_mutex_v1>
    private var numbers: UnsafeMutablePointer<Int>?
    private var mutex: SharedMutex?
    private var raw: OpaquePointer?
    private var createInWorker: apus_status = 0

    init(_ host: Host) throws {
        self.host = host
        table = host.table(APUS_EXT_MUTEX, as: apus_mutex_v1.self)
        try host.hooks.openConfig { reason, _ in
            guard reason != APUS_OPEN_CHECK else { return }
            let memory = try host.sharedMemory("counter", bytes: 64 + SharedMutex.bytes)
            let base = memory.baseAddress!
            self.numbers = base.bindMemory(to: Int.self, capacity: 2)
            guard self.numbers?.pointee == 0 else { throw ModuleError("the memory is not clear") }
            self.mutex = try SharedMutex(at: base + 64)
            // A handle to the same lock for what ModuleKit has no word for.
            self.raw = OpaquePointer(base + 64)
        }
        try host.hooks.childInit {
            do {
                _ = try host.sharedMemory("late", bytes: 100)
            } catch {
                self.createInWorker = (error as? ModuleError)?.status.rawValue ?? APUS_E_FAIL
            }
        }
        try host.hooks.handler(.middle, handle)
    }

    private func handle(_ request: Request) throws -> Status {
        guard request.handler == "abi", let numbers, let mutex else { return .declined }
        switch request.path.string {
        case "/count":
            let text = mutex.withLock { recovered in
                if recovered { numbers[1] += 1 }
                numbers[0] += 1
                return "\(recovered ? APUS_RECOVERED : APUS_OK) \(numbers[0]) \(numbers[1]) \(host.worker)"
            }
            return try request.reply(200, text: text)
        case "/die": mutex.withLock { _ in _exit(7) }
        case "/try":
            let held = mutex.withLock { _ in triedElsewhere() }
            return try request.reply(200, text: "\(held) \(triedElsewhere())")
        case "/late": return try request.reply(200, text: "\(createInWorker)")
        default: return .declined
        }
    }

    private var answer: apus_status = 99

    private func triedElsewhere() -> apus_status {
        var id = pthread_t()
        let body: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { ctx in
            let its = Unmanaged<SharedMemory>.fromOpaque(ctx!).takeUnretainedValue()
            its.answer = its.table.pointee.try_lock(its.raw)
            if its.answer == APUS_OK { its.table.pointee.unlock(its.raw) }
            return nil
        }
        if pthread_create(&id, nil, body, Unmanaged.passUnretained(self).toOpaque()) == 0 {
            pthread_join(id, nil)
        }
        return answer
    }
}

@c(apus_module_entry)
public func entry(_ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>) -> UnsafePointer<
    apus_module
>? {
    SharedMemory.descriptor(for: host, named: name)
}
