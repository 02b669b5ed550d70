import Glibc
import ModuleKit

/// A thread of each worker that removes expired objects and brings files to disk once a second, so that nobody who stores
/// something waits for that.
enum Janitor {
    static func start(_ caches: DbmCaches) {
        // Signals are for the loop.
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &before)
        var thread = pthread_t()
        if pthread_create(&thread, nil, rounds, Unmanaged.passRetained(caches).toOpaque()) == 0 { pthread_detach(thread) }
        pthread_sigmask(SIG_SETMASK, &before, nil)
    }

    fileprivate static func clean(_ store: DbmStore) {
        guard let engine = store.current else { return }
        _ = store.attempt { () throws(EngineProblem) in
            var now = timespec()
            clock_gettime(CLOCK_REALTIME, &now)
            let microseconds = Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000
            // Short transactions: others store in between.
            while try engine.sweep(now: microseconds) > 0 {}
            try store.takeChanged()?.settle()
        }
    }
}

private func rounds(_ ctx: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    let caches = Unmanaged<DbmCaches>.fromOpaque(ctx.unsafelyUnwrapped).takeUnretainedValue()
    while true {
        sleep(1)
        for store in caches.all { Janitor.clean(store) }
    }
}
