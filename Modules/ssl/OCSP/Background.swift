import Glibc
import ModuleKit

/// Work that blocks, done in threads of a worker beside its loop; what comes of it is handled on the loop.
final class Background: @unchecked Sendable {
    private let tasks: UnsafePointer<apus_tasks_v1>
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private var finished: [() -> Void] = []
    private let signal: Int32

    /// In a worker, on its loop. Nil: the host or the system has no descriptor left.
    init?(_ host: Host) {
        guard let table = host.raw.pointee.extension(host.raw, APUS_EXT_TASKS) else { return nil }
        tasks = table.assumingMemoryBound(to: apus_tasks_v1.self)
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

    /// Runs `work` in a thread of its own, and then `done` with its outcome on the loop.
    func run<Outcome>(_ work: @escaping () -> Outcome, then done: @escaping (Outcome) -> Void) {
        let job = Job { [self] in
            let outcome = work()
            finish { done(outcome) }
        }
        var thread = pthread_t()
        let argument = Unmanaged.passRetained(job).toOpaque()
        let failure = pthread_create(
            &thread, nil,
            { argument in
                Unmanaged<Job>.fromOpaque(argument.unsafelyUnwrapped).takeRetainedValue().run()
                return nil
            }, argument)
        guard failure == 0 else {
            Unmanaged<Job>.fromOpaque(argument).release()
            return
        }
        pthread_detach(thread)
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

    /// Calls `body` once after so many microseconds.
    func after(_ microseconds: UInt64, _ body: @escaping () -> Void) {
        let argument = Unmanaged.passRetained(Job(body)).toOpaque()
        var id: UInt64 = 0
        _ = tasks.pointee.timer(
            nil, microseconds, { Unmanaged<Job>.fromOpaque($0.unsafelyUnwrapped).takeRetainedValue().run() }, argument,
            &id)
    }
}
