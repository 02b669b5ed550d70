import CSystem
import Glibc

/// How long a callback stays on the loop, and whether it works or waits there.
struct LoopStay {
    /// Nanoseconds that a worker may be held without anybody noticing.
    private static let tolerated: Int64 = 50_000_000

    private let begun = LoopStay.now()
    private let worked = LoopStay.now(CLOCK_THREAD_CPUTIME_ID)
    private let waits = LoopStay.waits

    /// Nil: it was quick, or slow only because the machine had something else to do. The same text however long it was, so that
    /// one flaw is told once.
    var complaint: String? {
        let work = LoopStay.now(CLOCK_THREAD_CPUTIME_ID) - worked
        if work > 2 * LoopStay.tolerated { return "works on the loop for more than 100 ms" }
        guard LoopStay.now() - begun > LoopStay.tolerated, LoopStay.waits > waits else { return nil }
        return "waits on the loop for more than 50 ms"
    }

    /// Nanoseconds.
    static func now(_ clock: clockid_t = CLOCK_MONOTONIC) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// How often this thread has given the processor away by itself.
    private static var waits: Int {
        var usage = rusage()
        getrusage(1, &usage)  // RUSAGE_THREAD
        return usage.ru_nvcsw
    }
}
