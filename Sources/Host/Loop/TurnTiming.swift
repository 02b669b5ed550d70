import CSystem
import Glibc

/// Measures what callbacks take, in a sample of the loop's turns: to look at the clock around each callback of each request
/// would cost more than many of them do.
///
/// The first turns are measured all, so that a server that has little to do knows all of it; those of a busy one are measured
/// about one in 256, at random, so that what comes in a rhythm is neither always met nor always missed. A turn that is measured
/// stands for itself and those before it that were not. What a callback calls counts for itself and not for the callback; what
/// is outside of all is the server's own.
struct TurnTiming {
    private let slot: WorkerSlot.Ref
    private let activity: UnsafeMutablePointer<cs_activity>
    private let accounts: ModuleAccounts.Row?
    /// Turns in which something had happened, and how many are to come until one is measured.
    private var turns: Int64 = 0
    private var untilNext: Int64 = 1
    /// For how many turns the next stands that is measured, and the one at hand.
    private var gap: Int64 = 1
    private var weight: Int64 = 1
    /// When the callback at hand began, or went on, in nanoseconds.
    private var since: Int64 = 0
    /// What looking at the clock takes.
    private let clockCost: Int64
    private var random = UInt64(bitPattern: Clock.nanoseconds()) | 1
    /// The beat of the turn that was measured last, and what took longest in it.
    private var beat: Int64 = -1
    private var longest: Int64 = 0
    private var longestCallback = Activity.Callback(word: 0)

    /// Of how many turns one is measured, in the end, and with how many turns or requests that grows by one.
    private static let rarity: Int64 = 256
    private static let growth: Int64 = 8

    init(_ slot: WorkerSlot.Ref, _ accounts: ModuleAccounts.Row?) {
        self.slot = slot
        activity = slot.activity
        self.accounts = accounts
        clockCost = (0..<32).reduce(Int64.max) { least, _ in
            let start = Clock.nanoseconds()
            return min(least, Clock.nanoseconds() - start)
        }
    }

    // MARK: Turns

    /// - Parameter hasEvents: an idle turn is measured always, and stands for itself.
    @inline(__always)
    mutating func turnBegan(hasEvents: Bool) {
        if hasEvents {
            untilNext &-= 1
            if untilNext > 0 { return }
        }
        begin(hasEvents: hasEvents)
    }

    @inline(__always)
    mutating func turnEnded() {
        if activity.isMeasured { end() }
    }

    @inline(never)
    private mutating func begin(hasEvents: Bool) {
        guard accounts != nil else { return }
        weight = hasEvents ? gap : 1
        if hasEvents { chooseNext() }
        beat = slot.pointee.beat
        longest = 0
        activity.isMeasured = true
        since = Clock.nanoseconds()
    }

    private mutating func chooseNext() {
        turns += gap
        // Many requests may share a turn.
        let mean = min(max(max(turns, slot.pointee.requests) / Self.growth - 7, 1), Self.rarity)
        random ^= random << 13
        random ^= random >> 7
        random ^= random << 17
        gap = 1 + Int64(random % UInt64(2 * mean - 1))
        untilNext = gap
    }

    @inline(never)
    private mutating func end() {
        charge(Activity.Callback(word: activity.callback))
        activity.isMeasured = false
    }

    // MARK: Callbacks

    /// A callback begins inside another, or inside none.
    @inline(never)
    mutating func enter(_ callback: UInt32, from outer: UInt32) {
        charge(Activity.Callback(word: outer))
        accounts?.addOnLoop(weight, to: .calls, of: Activity.Callback(word: callback).module)
    }

    @inline(never)
    mutating func leave(_ callback: UInt32) { charge(Activity.Callback(word: callback)) }

    private mutating func charge(_ callback: Activity.Callback) {
        let now = Clock.nanoseconds()
        let spent = max(0, now &- since &- clockCost)
        since = now
        // What holds the loop is counted whenever it happens (LoopWatch), and stands for itself.
        accounts?.addOnLoop(spent > LoopWatch.limit &* 1000 ? spent : spent &* weight, to: .loopTime, of: callback.module)
        guard spent > longest else { return }
        longest = spent
        longestCallback = callback
    }

    /// The callback at hand has asked a pool for so many bytes.
    @inline(never)
    func noteBytes(_ count: Int) {
        guard Worker.isLoopThread else { return }
        accounts?.addOnLoop(Int64(count) &* weight, to: .poolBytes, of: Activity.Callback(word: activity.callback).module)
    }

    /// Whether the turn at hand is measured, or the one just over.
    var isCurrent: Bool { beat == slot.pointee.beat }

    /// What took longest in the turn at hand or just over, when it was measured and took so many microseconds at least.
    func culprit(atLeast time: Int64) -> Activity.Callback? {
        beat == slot.pointee.beat && longest >= time * 1000 ? longestCallback : nil
    }
}
