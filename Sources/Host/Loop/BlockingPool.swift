import CSystem
import Glibc

/// Threads for what may block: started when first needed, a few at most, for ever.
final class BlockingPool {
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var jobs: [() -> Void] = []
    private var idle = 0
    private var threads = 0
    private static let maximum = 16

    nonisolated(unsafe) static let shared = BlockingPool()

    private init() {
        pthread_mutex_init(lock, nil)
        pthread_cond_init(condition, nil)
    }

    func submit(_ job: @escaping () -> Void) {
        pthread_mutex_lock(lock)
        jobs.append(job)
        // Idle threads that have not taken up their job yet count for that job only.
        let needsThread = idle < jobs.count && threads < BlockingPool.maximum
        if needsThread { threads += 1 }
        pthread_cond_signal(condition)
        pthread_mutex_unlock(lock)
        if needsThread { startThread() }
    }

    private func startThread() {
        var thread = pthread_t()
        let status = pthread_create(&thread, nil, runPoolThread, Unmanaged.passUnretained(self).toOpaque())
        guard status == 0 else {
            pthread_mutex_lock(lock)
            threads -= 1
            pthread_mutex_unlock(lock)
            return ErrorLog.write(.alert, code: "APUS1303", "no thread can be started for blocking work: \(systemError(status))")
        }
        pthread_detach(thread)
    }

    fileprivate func work() {
        while true {
            pthread_mutex_lock(lock)
            idle += 1
            while jobs.isEmpty { pthread_cond_wait(condition, lock) }
            idle -= 1
            let job = jobs.removeFirst()
            pthread_mutex_unlock(lock)
            job()
        }
    }
}

private func runPoolThread(_ pool: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    if let pool { Unmanaged<BlockingPool>.fromOpaque(pool).takeUnretainedValue().work() }
    return nil
}
