import CSystem
import Glibc
import ModuleABI

/// Tells of callbacks that hold the loop, while every other connection of the worker waits.
///
/// The loop itself notices a turn that took too long, which costs one look at the clock a turn. Whose callback it was is seen
/// by the guard's thread, which looks closely only for a while after the first such turn: a healthy worker pays nothing.
enum LoopWatch {
    /// Longer turns are told, in microseconds.
    static let limit: Int64 = 20_000
    /// Not more than one line in this time.
    private static let pause: Int64 = 1_000_000
    /// How long the guard looks closely, and how often, in milliseconds.
    private static let vigilance: Int64 = 600_000_000
    static let closeLook: Int32 = 5

    /// Until when the guard looks closely; microseconds of the steady clock, written by the loop.
    nonisolated(unsafe) private static var vigilantUntil: Int64 = 0
    /// Of which beat, and which callback, the guard has seen in a turn that takes long.
    nonisolated(unsafe) private static var seenBeat: Int64 = 0
    nonisolated(unsafe) private static var seenCallback: Int64 = 0
    nonisolated(unsafe) private static var lastTold: Int64 = 0

    /// [loop] A turn that began at `start`, by the clock of the loop, has ended.
    @inline(__always)
    static func turnEnded(_ slot: WorkerSlot.Ref, since start: Int64) {
        let spent = Clock.now() &- start
        if spent > limit { tell(slot, spent) }
        cs_store(&slot.pointee.beat, slot.pointee.beat &+ 1)
    }

    /// [loop] A turn begins: beats are odd while one lasts.
    @inline(__always)
    static func turnBegan(_ slot: WorkerSlot.Ref) { cs_store(&slot.pointee.beat, slot.pointee.beat &+ 1) }

    @inline(never)
    private static func tell(_ slot: WorkerSlot.Ref, _ spent: Int64) {
        let now = Clock.monotonic()
        cs_store(&vigilantUntil, now + vigilance)
        WorkerGuard.lookClosely()
        let callback = culprit(slot)
        if let callback {
            ModuleAccounts.add(to: .holds, of: callback.module)
            ModuleAccounts.add(spent * 1000, to: .holdTime, of: callback.module)
            if !theWorker.pointee.timing.isCurrent { ModuleAccounts.add(spent * 1000, to: .loopTime, of: callback.module) }
        }
        guard now - lastTold > pause, let runtime = Runtime.current else { return }
        let time = "\(spent / 1000) ms"
        if let callback {
            let doing = CrashReport(runtime).doing(cs_activity(callback: callback.word, is_measured: 0, request: nil))
            lastTold = now
            ErrorLog.write(
                .warn, code: "APUS1713",
                "the loop of this worker stood still for \(time), \(doing), while other connections waited: what blocks "
                    + "belongs on a thread (MAY_BLOCK, run_blocking)\(record(callback.module, runtime))\(lastRequest(slot))")
        } else {
            lastTold = now
            ErrorLog.write(
                .info, code: "APUS1714",
                "the loop of this worker stood still for \(time)\(lastRequest(slot)); the next time the log names the module")
        }
    }

    /// Whose callback it was: what the guard has seen, or what was measured in that turn.
    private static func culprit(_ slot: WorkerSlot.Ref) -> Activity.Callback? {
        if cs_load(&seenBeat) == slot.pointee.beat { return Activity.Callback(word: UInt32(truncatingIfNeeded: cs_load(&seenCallback))) }
        return theWorker.pointee.timing.culprit(atLeast: limit)
    }

    /// How often a module has done so, in all workers.
    private static func record(_ module: Int, _ runtime: Runtime) -> String {
        guard let accounts = runtime.accounts, case let count = accounts.total(.holds, of: module), count > 1 else { return "" }
        let time = accounts.total(.holdTime, of: module) / 1_000_000
        return "; \(runtime.modules[module].name) has done so \(count) times in this generation, \(time) ms in all"
    }

    private static func lastRequest(_ slot: WorkerSlot.Ref) -> String {
        let length = Int(slot.pointee.requestLength)
        guard length > 0 else { return "" }
        let line = withUnsafeBytes(of: &slot.pointee.request) { String(decoding: $0.prefix(length), as: UTF8.self) }
        return "; the last request begun: \"\(line)\""
    }

    // MARK: The guard's side

    /// [guard] Whether to look closely now.
    static var isVigilant: Bool { cs_load(&vigilantUntil) > Clock.monotonic() }

    /// [guard] Notes what the loop does in a turn that has lasted since the last look.
    static func note(beat: Int64, _ slot: WorkerSlot.Ref) {
        let callback = slot.activity.callback
        guard beat & 1 == 1, callback != 0, cs_load(&seenBeat) != beat else { return }
        cs_store(&seenCallback, Int64(callback))
        cs_store(&seenBeat, beat)
    }
}
