import ByteKit
import CSystem
import Glibc
import ModuleABI

/// The workers of a generation as its leader sees them: forked, listened to, replaced, told to leave.
///
/// Invariant: the leader has one thread, so that forking is safe.
final class Workers {
    struct Child {
        let pid: pid_t
        /// Which of the workers it is, and which part of the scoreboard it uses: a successor may serve beside it.
        let number: Int
        let slot: Int
        let started = Clock.monotonic()
        let socket: PacketSocket
        /// The worker that leaves when this one serves.
        let predecessor: pid_t?
        var isServing = false
        var isLeaving = false
        /// It has taken as many connections as it may.
        var wantsToLeave = false
        /// It listens no longer.
        var hasLeft = false
        /// Whether it may still say something.
        var isHeard = true
        var pulse: Pulse
    }

    /// Whether a worker's loop goes on turning.
    struct Pulse {
        var beat: Int64 = -1
        var seen: Int64
        var wasAsked = false
    }

    private let runtime: Runtime
    private let listeners: [UnsafeMutablePointer<Listener>]
    private let scoreboard: Scoreboard
    private let report: CrashReport
    private(set) var children: [Child] = []
    /// Workers to start again, and when.
    private var waiting: [(number: Int, time: Int64)] = []
    /// Deaths after a short life since the last long one: the more, the longer the pause.
    private var shortLives = 0
    private(set) var areLeaving = false
    /// One died before it served.
    private(set) var hasFailedToStart = false
    /// Why, when it is known here.
    private(set) var startProblem: String?
    private var lastLook = Clock.monotonic()

    /// A worker that lived shorter than this is not started again at once.
    private static let shortLife: Int64 = 1_000_000
    private static let accidents = 3
    /// A request that ends every worker must not keep the server down for long: others are to be served in between.
    private static let pauseOfOneThatServed: Int64 = 200_000
    private static let longestPause: Int64 = 30_000_000

    init(_ runtime: Runtime, _ listeners: [UnsafeMutablePointer<Listener>], _ scoreboard: Scoreboard) {
        self.runtime = runtime
        self.listeners = listeners
        self.scoreboard = scoreboard
        report = CrashReport(runtime)
    }

    /// Twice as many slots as workers: each may have a successor while it finishes.
    static func slotCount(_ runtime: Runtime) -> Int { runtime.workerCount * 2 }

    var allServe: Bool { children.count { $0.isServing } >= runtime.workerCount }
    var isEmpty: Bool { children.isEmpty }
    /// Nobody takes connections any more.
    var haveLeft: Bool { children.allSatisfy(\.hasLeft) }

    // MARK: Start

    func start() {
        for number in 0..<runtime.workerCount where !attemptFork(number) {
            startProblem = "worker \(number + 1) of \(runtime.workerCount) cannot be started: \(systemError(errno)); raise the limit, or set Workers"
            hasFailedToStart = true
            return
        }
    }

    /// Starts a worker, or sees to it that one is started later.
    private func fork(_ number: Int) {
        if !attemptFork(number) { waiting.append((number, Clock.monotonic() + Workers.shortLife)) }
    }

    /// False: there is no slot, no process or no descriptor for it now.
    private func attemptFork(_ number: Int, inPlaceOf predecessor: pid_t? = nil) -> Bool {
        guard let slot = scoreboard.vacantSlot(), let (own, theirs) = try? PacketSocket.pair() else { return false }
        let place = scoreboard.slot(slot)
        place.pointee = WorkerSlot()
        place.enter(.starting)
        let pid = Glibc.fork()
        if pid == 0 {
            own.close()
            closeAllSockets()
            let worker = WorkerProcess(
                runtime, listeners, number: number, slot: slot, scoreboard: scoreboard, leader: theirs)
            // No handlers of the leader's at the exit, while threads of the pool may still run.
            _exit(worker.run())
        }
        let code = errno
        theirs.close()
        guard pid > 0 else {
            ErrorLog.write(.alert, code: "AH00159", error: code, "a worker cannot be forked: \(systemError(code))")
            own.close()
            place.enter(.vacant)
            errno = code
            return false
        }
        own.stopBlocking()
        children.append(
            Child(
                pid: pid, number: number, slot: slot, socket: own, predecessor: predecessor,
                pulse: Pulse(seen: Clock.monotonic())))
        return true
    }

    /// In a worker: the sockets of the others are the leader's.
    private func closeAllSockets() {
        for child in children { child.socket.close() }
        children.removeAll()
    }

    // MARK: Messages

    func addSockets(to poll: inout Poll) {
        for child in children where child.isHeard { poll.add(child.socket.fd, writable: child.socket.hasOutbox) }
    }

    func hear(_ poll: Poll) {
        for child in children {
            if poll.isWritable(child.socket.fd) { child.socket.flush() }
            if poll.isReadable(child.socket.fd) { hear(child) }
        }
    }

    /// Packets heard of one worker before the others have their turn.
    private static let patience = 64

    private func hear(_ child: Child) {
        for _ in 0..<Workers.patience {
            switch child.socket.receive() {
            case .packet(let packet):
                obey(packet, of: child)
                if packet.descriptor >= 0 { close(packet.descriptor) }
            case .nothing: return
            case .closed: return change(child) { $0.isHeard = false }
            }
        }
    }

    private func obey(_ packet: Packet, of child: Child) {
        switch packet.verb {
        case "serving":
            change(child) { $0.isServing = true }
            dismissPredecessor(of: child)
        case "left": change(child) { $0.hasLeft = true }
        case "retire":
            change(child) { $0.wantsToLeave = true }
            makeRoom()
        case Messages.verb: Messages.arrived(packet, from: .worker) { send($0) }
        default: break
        }
    }

    /// Messages that may wait for one worker.
    private static let outboxLimit = 1024

    /// To every worker. One that takes none any more would make the leader keep them all, and their memory files.
    func send(_ packet: Packet) {
        for child in children {
            child.socket.send(packet)
            guard child.socket.outboxCount > Workers.outboxLimit else { continue }
            ErrorLog.write(.error, code: "APUS1712", "the worker with pid \(child.pid) takes no messages any more; it is ended")
            kill(child.pid, SIGKILL)
        }
    }

    private func change(_ child: Child, _ body: (inout Child) -> Void) {
        guard let index = children.firstIndex(where: { $0.pid == child.pid }) else { return }
        body(&children[index])
    }

    /// Starts successors of workers that have taken as many connections as they may. Where that cannot be now, they go on.
    private func makeRoom() {
        guard !areLeaving else { return }
        for child in children where child.wantsToLeave && !child.isLeaving {
            guard !children.contains(where: { $0.predecessor == child.pid }) else { continue }
            _ = attemptFork(child.number, inPlaceOf: child.pid)
        }
    }

    /// The successor serves: now the other may leave.
    private func dismissPredecessor(of child: Child) {
        guard let old = children.first(where: { $0.pid == child.predecessor }), !old.isLeaving else { return }
        change(old) { $0.isLeaving = true }
        kill(old.pid, SIGWINCH)
    }

    // MARK: Ends

    /// A child has ended. False: it was no worker.
    func ended(_ pid: pid_t, _ outcome: Int32) -> Bool {
        guard let last = children.first(where: { $0.pid == pid }) else { return false }
        hear(last)
        guard let index = children.firstIndex(where: { $0.pid == pid }) else { return true }
        let child = children.remove(at: index)
        child.socket.close()
        for lease in 0..<Scoreboard.leaseCount { Lease.release(scoreboard.leases + lease, slot: child.slot) }
        if !child.isServing { hasFailedToStart = true }
        // The next one first: telling of a crash takes a moment. The slot is its own until all is told.
        if !areLeaving, isMissing(child) { replace(child) }
        LogSinks.rescue(slot: child.slot)
        // A callback that ends the process may have status 0, too.
        let isClean = cs_wait_exited(outcome) != 0 && cs_wait_exit_status(outcome) == 0 && place(of: child) == nil
        if !isClean { tell(child, outcome) }
        scoreboard.slot(child.slot).enter(.vacant)
        return true
    }

    /// Whether nobody serves, or will serve, in place of a worker that has ended.
    private func isMissing(_ child: Child) -> Bool {
        if child.isLeaving || children.contains(where: { $0.predecessor == child.pid }) { return false }
        // One that was to follow another: that one still serves, and is tried to be followed again.
        return !children.contains { $0.pid == child.predecessor }
    }

    private func replace(_ child: Child) {
        let now = Clock.monotonic()
        let isShort = now - child.started < Workers.shortLife
        shortLives = isShort ? min(shortLives + 1, 16) : 0
        // A few times at once: accidents are no illness.
        let illness = shortLives - Workers.accidents
        let pause = illness <= 0 ? 0 : min((Workers.shortLife / 2) << Int64(illness), child.isServing ? Workers.pauseOfOneThatServed : Workers.longestPause)
        if pause > 0 {
            ErrorLog.write(.error, code: "APUS1703", "workers keep dying soon after their start; the next is started in \(Double(pause) / 1e6) s")
        }
        waiting.append((child.number, now + pause))
        startWaiting()
    }

    /// In which callback a worker ended that left no record of a crash; nil: in none.
    private func place(of child: Child) -> String? {
        let activity = scoreboard.slot(child.slot).pointee.activity
        return activity.callback == 0 ? nil : ", \(report.doing(activity))"
    }

    private func tell(_ child: Child, _ outcome: Int32) {
        let ending = areLeaving || child.isLeaving ? "" : "; it is replaced"
        guard cs_wait_signaled(outcome) != 0 else {
            ErrorLog.write(
                .error, code: "APUS1702",
                "child pid \(child.pid) ended with status \(cs_wait_exit_status(outcome))\(place(of: child) ?? "")\(ending)")
            return report.write(scoreboard.slot(child.slot), pid: child.pid)
        }
        let number = cs_wait_signal(outcome)
        // A crash is told below, with all that is known; KILL, the kernel's for want of memory, too, leaves no record.
        let doing = number == SIGKILL ? place(of: child) ?? "" : ""
        let name = "child pid \(child.pid) exit signal \(String(cString: strsignal(number))) (\(number))\(doing)"
        if cs_wait_dumped(outcome) != 0 {
            ErrorLog.write(.notice, code: "AH00051", "\(name), possible coredump in \(runtime.configuration.coreDumpDirectory ?? "/")\(ending)")
        } else {
            ErrorLog.write(.notice, code: "AH00052", "\(name)\(ending)")
        }
        report.write(scoreboard.slot(child.slot), pid: child.pid)
    }

    // MARK: Time

    /// To be called about once a second.
    func look() {
        startWaiting()
        makeRoom()
        let now = Clock.monotonic()
        // When this process itself did not run, nothing is known of the others.
        let isLate = now - lastLook > 5_000_000
        lastLook = now
        for index in children.indices {
            let beat = cs_load(&scoreboard.slot(children[index].slot).pointee.beat)
            if beat != children[index].pulse.beat || isLate {
                children[index].pulse = Pulse(beat: beat, seen: now)
            } else {
                miss(&children[index], now)
            }
        }
    }

    /// A worker whose loop does not turn: asked for a backtrace first, then ended.
    private func miss(_ child: inout Child, _ now: Int64) {
        // One that is still starting may take as long as a generation may.
        guard let patience = runtime.configuration.hangTimeout else { return }
        let limit = child.isServing ? patience : max(patience, runtime.configuration.reloadTimeout)
        guard now - child.pulse.seen > limit, !isTraced(child.pid) else { return }
        guard child.pulse.wasAsked else {
            child.pulse.wasAsked = true
            let slot = scoreboard.slot(child.slot)
            ErrorLog.write(
                .alert, code: "APUS1704",
                "the worker with pid \(child.pid) has not turned its loop for \((now - child.pulse.seen) / 1_000_000) s; \(report.doing(slot.pointee.activity)); it is ended")
            cs_signal_first_thread(child.pid, SIGABRT)
            return
        }
        if now - child.pulse.seen > limit + 2_000_000 { kill(child.pid, SIGKILL) }
    }

    /// Somebody looks at it with a debugger.
    private func isTraced(_ pid: pid_t) -> Bool {
        let fd = open("/proc/\(pid)/status", O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { return false }
        defer { close(fd) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = max(read(fd, &bytes, bytes.count), 0)
        let line = String(decoding: bytes[..<count], as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("TracerPid:") }
        return line.map { !$0.hasSuffix("\t0") } ?? false
    }

    /// A worker was stopped, by an accident: nobody else would ever let it go on.
    func stopped(_ pid: pid_t) {
        guard children.contains(where: { $0.pid == pid }) else { return }
        ErrorLog.write(.warn, code: "APUS1705", "the worker with pid \(pid) was stopped by a signal; it is continued")
        kill(pid, SIGCONT)
    }

    /// When the next is to be started; nil: none waits.
    var nextStart: Int64? { areLeaving ? nil : waiting.map(\.time).min() }

    func startWaiting() {
        guard !areLeaving else { return }
        let now = Clock.monotonic()
        let due = waiting.filter { $0.time <= now }
        waiting.removeAll { $0.time <= now }
        for entry in due { fork(entry.number) }
    }

    // MARK: Leaving

    /// Lets them finish what has begun.
    func drain() {
        areLeaving = true
        for child in children { kill(child.pid, SIGWINCH) }
    }

    /// Ends them and waits for that.
    func end() {
        stop(SIGKILL)
        for child in children { while waitpid(child.pid, nil, 0) < 0, errno == EINTR {} }
    }

    /// Ends them now.
    func stop(_ signal: Int32 = SIGTERM) {
        areLeaving = true
        for child in children { kill(child.pid, signal) }
    }
}
