import Glibc
import ModuleKit

/// Work that blocks, done in a few threads of a worker beside its loop; what comes of it is handled on the loop. Threads begin when
/// there is work and end when there is none.
final class Background: @unchecked Sendable {
    /// Jobs that may wait for a thread: somebody waits for each of them.
    static let mostWaiting = 1024

    private let tasks: UnsafePointer<apus_tasks_v1>
    private let mostThreads: Int
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private var waiting: [Job] = []
    private var threads = 0
    private var finished: [() -> Void] = []
    private let signal: Int32

    /// In a worker, on its loop. Nil: the host or the system has no descriptor left.
    init?(_ host: Host, threads mostThreads: Int) {
        guard let table = host.raw.pointee.extension(host.raw, APUS_EXT_TASKS) else { return nil }
        tasks = table.assumingMemoryBound(to: apus_tasks_v1.self)
        self.mostThreads = mostThreads
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return nil }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        signal = ends[1]
        let reading = ends[0]
        pthread_mutex_init(lock, nil)
        let me = Unmanaged.passRetained(Inlet(background: self, reading: reading)).toOpaque()
        let status = tasks.pointee.watch(
            reading, APUS_FD_READ,
            { ctx, _ in Unmanaged<Inlet>.fromOpaque(ctx.unsafelyUnwrapped).takeUnretainedValue().drain() },
            me)
        guard status == APUS_OK else { return nil }
    }

    /// Where the loop hears of finished work.
    private final class Inlet {
        let background: Background
        let reading: Int32

        init(background: Background, reading: Int32) {
            self.background = background
            self.reading = reading
        }

        func drain() {
            var bytes = [UInt8](repeating: 0, count: 64)
            while read(reading, &bytes, bytes.count) > 0 {}
            background.deliver()
        }
    }

    private final class Job {
        let run: () -> Void
        init(_ run: @escaping () -> Void) { self.run = run }
    }

    /// Runs `work` in a thread, and then `done` with its outcome on the loop.
    /// - Returns: false: so much waits already, or there is no thread, and nothing will be done.
    func run<Outcome>(_ work: @escaping () -> Outcome, then done: @escaping (Outcome) -> Void) -> Bool {
        let job = Job { [self] in
            let outcome = work()
            finish { done(outcome) }
        }
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        guard waiting.count < Background.mostWaiting else { return false }
        if threads < mostThreads, startThread() { threads += 1 }
        guard threads > 0 else { return false }
        waiting.append(job)
        return true
    }

    private func startThread() -> Bool {
        var thread = pthread_t()
        let me = Unmanaged.passRetained(self).toOpaque()
        let failure = pthread_create(
            &thread, nil,
            { me in
                Unmanaged<Background>.fromOpaque(me.unsafelyUnwrapped).takeRetainedValue().work()
                return nil
            }, me)
        guard failure == 0 else {
            Unmanaged<Background>.fromOpaque(me).release()
            return false
        }
        pthread_detach(thread)
        return true
    }

    /// A thread's life.
    private func work() {
        while let job = takeJob() { job.run() }
    }

    /// nil: there is no more, and the thread counts no longer.
    private func takeJob() -> Job? {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        guard !waiting.isEmpty else {
            threads -= 1
            return nil
        }
        return waiting.removeFirst()
    }

    private func finish(_ body: @escaping () -> Void) {
        pthread_mutex_lock(lock)
        finished.append(body)
        pthread_mutex_unlock(lock)
        var byte: UInt8 = 1
        _ = write(signal, &byte, 1)
    }

    private func deliver() {
        pthread_mutex_lock(lock)
        let ready = finished
        finished = []
        pthread_mutex_unlock(lock)
        for body in ready { body() }
    }
}
