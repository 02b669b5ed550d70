import AuthKit
import Glibc
import ModuleKit

/// A look-up in a cache that takes its time: the answer comes on the loop, for who waits on a thread of the pool.
final class CacheQuestion: UserFetch, @unchecked Sendable {
    let source = Array("socache".utf8)
    let last: [UInt8]?
    private let note: ([UInt8]) -> Void
    /// Written before `isAnswered` is posted, read after it has been waited for.
    private var stored: [UInt8]?
    private let isAnswered = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    /// Seconds: a cache answers sooner, be it that it cannot be reached.
    private static let patience = 10

    /// - Parameters:
    ///   - last: what it said last; empty: that there is no such entry.
    ///   - note: gets the answer on the loop, empty for none, also when nobody waits for it any more.
    init(last: [UInt8]?, note: @escaping ([UInt8]) -> Void) {
        self.last = last.flatMap { $0.isEmpty ? nil : $0 }
        self.note = note
        sem_init(isAnswered, 0, 0)
    }

    deinit {
        sem_destroy(isAnswered)
        isAnswered.deallocate()
    }

    /// Asks, on the loop. `.suspended`: the answer will come; else it is there.
    func ask(_ cache: ObjectCache, _ id: Bytes, _ pool: Pool, _ stored: inout Bytes) -> Status {
        let own = Unmanaged.passRetained(self)
        let status = cache.retrieve(id, in: pool, &stored, context: own.toOpaque()) { context, status, data in
            let question = Unmanaged<CacheQuestion>.fromOpaque(context.unsafelyUnwrapped).takeRetainedValue()
            question.answer(status == APUS_OK ? Array(data.buffer) : nil)
        }
        if status != .suspended { own.release() }
        return status
    }

    private func answer(_ stored: [UInt8]?) {
        self.stored = stored
        note(stored ?? [])
        sem_post(isAnswered)
    }

    func run() -> (password: [UInt8]?, decoy: [UInt8])? {
        var end = timespec()
        clock_gettime(CLOCK_REALTIME, &end)
        end.tv_sec += CacheQuestion.patience
        while sem_timedwait(isAnswered, &end) != 0 {
            guard errno == EINTR else { return (nil, []) }
        }
        return (stored, [])
    }

    func finish(_ request: Request) {}
}
