import CSystem
import Glibc

/// Threads for what may block: started when first needed, a few at most; idle ones stay, as many as MaxSpareThreads says.
final class BlockingPool {
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var jobs: [() -> Void] = []
    private var idle = 0
    private var threads = 0
    /// Set before the first job.
    var settings = Settings()

    struct Settings {
        var maximum = 16
        /// Idle threads that are kept.
        var spare = Int.max
        /// Bytes; 0: the system's.
        var stackSize = 0
    }

    nonisolated(unsafe) static let shared = BlockingPool()

    private init() {
        pthread_mutex_init(lock, nil)
        pthread_cond_init(condition, nil)
    }

    func submit(_ job: @escaping () -> Void) {
        pthread_mutex_lock(lock)
        jobs.append(job)
        // Idle threads that have not taken up their job yet count for that job only.
        let needsThread = idle < jobs.count && threads < settings.maximum
        if needsThread { threads += 1 }
        pthread_cond_signal(condition)
        pthread_mutex_unlock(lock)
        if needsThread { startThread() }
    }

    private func startThread() {
        var thread = pthread_t()
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        if settings.stackSize > 0 { pthread_attr_setstacksize(&attributes, settings.stackSize) }
        let status = pthread_create(&thread, &attributes, runPoolThread, Unmanaged.passUnretained(self).toOpaque())
        pthread_attr_destroy(&attributes)
        guard status == 0 else {
            pthread_mutex_lock(lock)
            threads -= 1
            pthread_mutex_unlock(lock)
            return ErrorLog.write(.alert, code: "APUS1303", error: status, "no thread can be started for blocking work: \(systemError(status))")
        }
        pthread_detach(thread)
    }

    fileprivate func work() {
        let activity = UnsafeMutablePointer<cs_activity>.allocate(capacity: 1)
        activity.initialize(to: cs_activity())
        cs_crash_enter_thread(activity)
        defer {
            cs_crash_leave_thread()
            activity.deallocate()
        }
        while true {
            pthread_mutex_lock(lock)
            guard idle < settings.spare || !jobs.isEmpty else {
                threads -= 1
                return _ = pthread_mutex_unlock(lock)
            }
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
