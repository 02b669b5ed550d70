import CSystem
import Glibc

/// A thread of a worker that looks after its loop when nobody else can: it ends the process when the supervisor has gone and
/// the loop takes no notice, and when the loop stands still and there is no leader to see it.
enum WorkerGuard {
    /// Written before the thread starts.
    nonisolated(unsafe) private static var lifeline: Int32 = -1
    nonisolated(unsafe) private static var hangTimeout: Int64?
    nonisolated(unsafe) private static var slot: WorkerSlot.Ref?
    nonisolated(unsafe) private static var leader: pid_t = 0

    /// Wakes the thread from its long sleep.
    private static let wakeUp = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))

    /// How long the loop may take to end by itself, in microseconds.
    private static let patience: UInt32 = 500_000
    /// Milliseconds between two looks: with a leader there is no hurry.
    private static let look: Int32 = 5_000
    private static let lookWithoutLeader: Int32 = 1_000

    static func start(_ lifeline: Int32?, _ hangTimeout: Int64?, _ slot: WorkerSlot.Ref) {
        self.lifeline = lifeline ?? -1
        self.hangTimeout = hangTimeout
        self.slot = slot
        leader = getppid()
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setstacksize(&attributes, 64 << 10)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        var thread = pthread_t()
        pthread_create(&thread, &attributes, { _ in WorkerGuard.watch() }, nil)
        pthread_attr_destroy(&attributes)
    }

    /// [loop] Something has held the loop: see LoopWatch.
    static func lookClosely() {
        guard slot != nil else { return }
        var one: UInt64 = 1
        _ = write(wakeUp, &one, 8)
    }

    /// Milliseconds until the next look.
    private static var interval: Int32 {
        LoopWatch.isVigilant ? LoopWatch.closeLook : getppid() == leader ? look : lookWithoutLeader
    }

    /// Sleeps until the next look; ends the process when the supervisor has gone and the loop takes no notice.
    private static func sleep() {
        var entries = [pollfd(fd: lifeline, events: Int16(POLLIN), revents: 0), pollfd(fd: wakeUp, events: Int16(POLLIN), revents: 0)]
        guard poll(&entries, 2, interval) > 0 else { return }
        if entries[0].revents != 0 {
            usleep(patience)
            _exit(0)
        }
        var count: UInt64 = 0
        _ = read(wakeUp, &count, 8)
    }

    /// What the leader would say.
    private static func tell(_ time: Int64, _ slot: WorkerSlot.Ref) {
        guard let runtime = Runtime.current else { return }
        ErrorLog.write(
            .alert, code: "APUS1704",
            "the worker with pid \(getpid()) has not turned its loop for \(time / 1_000_000) s; \(CrashReport(runtime).doing(slot.pointee.activity)); it is ended")
        LogSinks.flushAll()
    }

    private static func watch() -> UnsafeMutableRawPointer? {
        var beat: Int64 = -1
        var since = Clock.monotonic()
        while true {
            sleep()
            guard let slot else { return nil }
            let now = cs_load(&slot.pointee.beat)
            if now != beat {
                beat = now
                since = Clock.monotonic()
                continue
            }
            LoopWatch.note(beat: now, slot)
            if getppid() != leader, let hangTimeout, Clock.monotonic() - since > hangTimeout {
                tell(Clock.monotonic() - since, slot)
                cs_crash_tell(STDERR_FILENO)
                cs_signal_first_thread(getpid(), SIGABRT)
            }
        }
    }
}
