import Glibc
import ModuleKit

/// Notices when nothing has happened for a time. A sign of life only notes when it came: the timer that runs looks at that when
/// it ends, so that a program that says much does not leave a timer for each thing it says.
final class SilenceTimer {
    private let request: Request
    private let limit: UInt64
    private let expired: () -> Void
    private var timer: UInt64 = 0
    private var last: UInt64

    /// - Parameters:
    ///   - microseconds: after which `expired` is called, once, in a turn of the connection.
    init(for request: Request, microseconds: UInt64, _ expired: @escaping () -> Void) {
        self.request = request
        self.expired = expired
        limit = max(1, microseconds)
        last = Self.now
        wait(limit)
    }

    deinit { stop() }

    func touch() {
        last = Self.now
        keepConnection(limit)
    }

    func stop() {
        if timer != 0 { Loop.cancel(timer) }
        timer = 0
    }

    private func wait(_ microseconds: UInt64) {
        keepConnection(microseconds)
        timer = (try? request.connection.after(microseconds: microseconds) { [weak self] in self?.look() }) ?? 0
    }

    /// The connection's own limit is not to come first.
    private func keepConnection(_ microseconds: UInt64) { request.extendDeadline(microseconds: microseconds + 1_000_000) }

    private func look() {
        timer = 0
        let silence = Self.now - last
        if silence >= limit { expired() } else { wait(limit - silence) }
    }

    private static var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1000
    }
}
