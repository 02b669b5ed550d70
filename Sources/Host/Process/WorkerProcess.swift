import ByteKit
import CSystem
import Glibc
import ModuleABI

/// A worker from fork to exit.
struct WorkerProcess {
    private let runtime: Runtime
    private let listeners: [UnsafeMutablePointer<Listener>]
    private let number: Int
    private let slot: WorkerSlot.Ref
    private let slotIndex: Int
    private let scoreboard: Scoreboard?
    /// Nil with -X: there is no leader.
    private let leader: PacketSocket?

    /// What callbacks need of the worker of this process.
    nonisolated(unsafe) private static var current: WorkerProcess?

    init(
        _ runtime: Runtime, _ listeners: [UnsafeMutablePointer<Listener>], number: Int, slot: Int, scoreboard: Scoreboard,
        leader: PacketSocket
    ) {
        self.init(runtime, listeners, number, scoreboard.slot(slot), slot, scoreboard, leader)
    }

    /// The process that is all there is (-X).
    init(alone runtime: Runtime, _ listeners: [UnsafeMutablePointer<Listener>]) {
        let slot = WorkerSlot.Ref.allocate(capacity: 1)
        slot.initialize(to: WorkerSlot())
        self.init(runtime, listeners, 0, slot, 0, nil, nil)
    }

    private init(
        _ runtime: Runtime, _ listeners: [UnsafeMutablePointer<Listener>], _ number: Int, _ slot: WorkerSlot.Ref, _ slotIndex: Int,
        _ scoreboard: Scoreboard?, _ leader: PacketSocket?
    ) {
        self.runtime = runtime
        self.listeners = listeners
        self.number = number
        self.slot = slot
        self.slotIndex = slotIndex
        self.scoreboard = scoreboard
        self.leader = leader
    }

    func run() -> Int32 {
        WorkerProcess.current = self
        if leader != nil { becomeWorker() }
        do throws(IdentityProblem) {
            try Identity.drop(runtime.configuration)
        } catch {
            ErrorLog.write(.alert, code: "AH02155", "\(error.message)")
            return 1
        }
        guard let hosts = runtime.configuration.hosts else { return 1 }
        install(hosts)
        HookRunner.runPlain(runtime.hooks[.childInit])
        let loop = theWorker.pointee.loop
        for listener in listeners { loop.addListener(listener) }
        loop.addSignals(SignalDescriptor([SIGTERM, SIGINT, SIGWINCH] + (leader == nil ? [SIGHUP, SIGUSR1] : [])).fd)
        loop.onSignal = WorkerProcess.obey
        watchProcesses(loop)
        if leader == nil { lookAtFiles() }
        slot.enter(.serving)
        if leader != nil { WorkerGuard.start(runtime.lifeline, runtime.configuration.hangTimeout, slot) }
        leader?.send(Packet("serving"))
        loop.run()
        HookRunner.runPlain(runtime.hooks[.childExit])
        LogSinks.flushAll()
        return 0
    }

    /// Lets go of what is the leader's.
    private func becomeWorker() {
        runtime.handover?.closeInWorker()
        PipedLogs.forgetInWorker()
        StandardStreams.leaveTerminal(isForeground: runtime.options.isForeground)
        slot.pointee.process = Int64(getpid())
        slot.pointee.started = Clock.now()
        cs_crash_install(slot.crash, describeRequest, -1)
        cs_crash_enter_thread(slot.activity)
        leader?.stopBlocking()
    }

    private func install(_ hosts: HostTable) {
        if leader == nil { runtime.accounts = .alone(modules: runtime.modules.count) }
        Worker.install(Worker(runtime, hosts: hosts, slot: slot, accounts: runtime.accounts?.row(slotIndex)))
        theWorker.pointee.index = number
        theWorker.pointee.scoreboard = scoreboard
        theWorker.pointee.connectionLimit = leader == nil ? 0 : runtime.configuration.maxConnectionsPerChild
        BlockingPool.shared.settings = runtime.blockingPoolSettings
        if leader == nil { LogSinks.gatherAlone() } else { LogSinks.gather(slot: slotIndex) }
    }

    private static func obey(_ signal: Int32, _ isSent: Bool) {
        switch signal {
        // A terminal that changes its size sends it too.
        case SIGWINCH: if isSent { drain() }
        case SIGHUP, SIGUSR1:
            ErrorLog.write(.warn, code: "APUS1701", "signal \(signal) asks for a reload, which there is none of with -X; it is ignored")
        default: theWorker.pointee.loop.isStopping = true
        }
    }

    // MARK: Other processes

    /// Messages of the leader, and the end of leader and supervisor.
    private func watchProcesses(_ loop: EventLoop) {
        if let leader {
            _ = loop.watch(leader.fd, UInt32(EPOLLIN.rawValue), Watch(fn: { _, _ in WorkerProcess.current?.hearLeader() }, ctx: nil))
        }
        if let lifeline = runtime.lifeline {
            // Without a supervisor there is nobody who could let go of the ports.
            _ = loop.watch(lifeline, UInt32(EPOLLIN.rawValue), Watch(fn: { _, _ in theWorker.pointee.loop.isStopping = true }, ctx: nil))
        }
    }

    /// What the leader would do.
    private func lookAtFiles() {
        let look: @convention(c) (UnsafeMutableRawPointer?) -> Void = { _ in
            FileWatch.look()
            WorkerProcess.current?.lookAtFiles()
        }
        _ = theWorker.pointee.loop.addTimer(TimerQueue.Timer(deadline: Clock.now() + 1_000_000, token: 0, fn: look, ctx: nil))
    }

    private func hearLeader() {
        guard let leader else { return }
        leader.flush()
        while true {
            switch leader.receive() {
            case .packet(let packet):
                if packet.verb == Messages.verb { Messages.arrived(packet, from: .leader) { _ in } }
                if packet.descriptor >= 0 { close(packet.descriptor) }
            case .nothing: return
            case .closed:
                // The supervisor starts another leader, and tells this worker when to leave.
                theWorker.pointee.loop.unwatch(leader.fd)
                cs_crash_tell(STDERR_FILENO)
                return ErrorLog.write(.error, code: "APUS1706", "the leader has died; this worker serves until another generation is ready")
            }
        }
    }

    /// Tells the leader something. False: there is none.
    static func send(_ packet: Packet) -> Bool {
        guard let leader = current?.leader else { return false }
        leader.send(packet)
        // What the kernel does not take now goes with the next turn.
        if leader.hasOutbox { retryLater() }
        return true
    }

    private static func retryLater() {
        let retry: @convention(c) (UnsafeMutableRawPointer?) -> Void = { _ in
            guard let leader = WorkerProcess.current?.leader else { return }
            leader.flush()
            if leader.hasOutbox { WorkerProcess.retryLater() }
        }
        _ = theWorker.pointee.loop.addTimer(TimerQueue.Timer(deadline: Clock.now() + 10_000, token: 0, fn: retry, ctx: nil))
    }

    /// This worker has taken as many connections as it may.
    static func retire() { _ = send(Packet("retire")) }

    /// Its slot; nil with -X.
    static var slotIndex: Int? { current?.leader == nil ? nil : current?.slotIndex }

    // MARK: Leaving

    /// Takes no more connections. Those at hand get their answers, with `Connection: close`; an idle one waits for its
    /// next request or its time, for a client may be sending just now.
    private static func drain() {
        guard let current, !theWorker.pointee.isDraining else { return }
        theWorker.pointee.isDraining = true
        current.slot.enter(.draining)
        for listener in current.listeners { Acceptor.leave(listener) }
        current.leader?.send(Packet("left"))
    }
}

/// What the crashing thread was working on. As careful as a signal handler: it reads and copies.
private func describeRequest(
    _ crash: UnsafePointer<cs_crash>?, _ activity: UnsafePointer<cs_activity>?, _ text: UnsafeMutablePointer<CChar>?, _ capacity: UInt32
) -> UInt32 {
    guard let activity, let text, let worker = theWorkerIfAny else { return 0 }
    var request = activity.pointee.request.map { Request.Ref(mutating: $0.assumingMemoryBound(to: Request.self)) }
    if request == nil, activity == UnsafePointer(worker.pointee.activity) { request = worker.pointee.turn?.pointee.request }
    guard let request else { return 0 }
    var writer = ByteWriter(UnsafeMutableRawPointer(text), capacity: Int(capacity))
    writer.append("\"")
    writer.append(request.pointee.requestLine.upTo(min(request.pointee.requestLine.count, 300)))
    writer.append("\" of client ")
    request.pointee.conn.pointee.peer.write(host: &writer)
    writer.append(":")
    writer.append(decimal: Int64(request.pointee.conn.pointee.peer.port))
    let name = request.pointee.server.pointee.name
    if !name.isEmpty {
        writer.append(" to ")
        writer.append(name.upTo(min(name.count, 100)))
    }
    return UInt32(writer.count)
}
