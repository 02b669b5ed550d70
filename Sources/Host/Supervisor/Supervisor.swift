import CSystem
import Glibc

/// The process that stays while generations of the server come and go: it holds what they hand on, starts them, and tells
/// them when to leave. It reads no configuration and loads no module: a command that has done so is executed anew first.
///
/// Invariants: one thread; at most one generation is starting and at most one is serving; a descriptor of the table is
/// closed only when a newer generation is ready without it.
final class Supervisor {
    private let program: String
    private let options: Options
    private let arguments: [String]
    private let manager = ServiceManager()
    private let signals = SignalDescriptor([SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGWINCH, SIGCHLD])
    private let control: Int32
    private let daemon: Daemon?

    private var table = DescriptorTable()
    private var generations: [Generation] = []
    private var nextNumber: UInt64 = 1
    private var pidFile: (file: PidFile, lock: Int32)?

    /// Orders that the reload under way answers, and those that came after it had begun: they get another.
    private var current = Orders()
    private var next = Orders()
    /// When a leader that died is followed by another.
    private var recovery: Int64?
    /// Leaders in a row that did not live long.
    private var failures = 0
    private var clients: [PacketSocket] = []
    /// How long a generation may take to become ready, as the last that did says.
    private var patience: Int64 = 60_000_000
    /// Generations that have been told to leave and may still take connections, and how long that is waited for.
    private var handingOver: [Generation] = []
    private var handoverEnd: Int64?
    private var hasServed = false
    /// The first generation has said itself why it does not serve.
    private var isAnswered = false
    private var ending: Ending?
    private var status: Int32 = 0

    private struct Orders {
        /// Nil: none.
        var verb: Options.Verb?
        var clients: [(socket: PacketSocket, terminal: Int32)] = []

        var isEmpty: Bool { verb == nil }

        /// Of several orders the harshest holds.
        mutating func add(_ verb: Options.Verb) { self.verb = self.verb == .restart ? .restart : verb }
    }

    private enum Ending { case now, graceful }

    /// A leader that lived shorter than this is not followed at once.
    private static let shortLife: Int64 = 2_000_000
    private static let longestPause: Int64 = 30_000_000
    /// A restart ends connections, but not in the middle of an answer that is about to come.
    private static let restartPatience: Int64 = 500_000
    private static let handoverPatience: Int64 = 2_000_000
    /// Orphaned workers have no leader that would end them.
    private static let orphanPatience: Int64 = 2_000_000
    /// Longer than a leader's own patience with its workers and with readers of its logs.
    private static let stopPatience: Int64 = 10_000_000

    // MARK: Life

    static func run(_ options: Options, _ arguments: [String]) -> Int32 {
        FileLimit.raise()
        let program = ProgramPath.find()
        let daemon = options.isForeground ? nil : Daemon.detach()
        if let status = daemon?.parentStatus { return status }
        return Supervisor(program, options, arguments, daemon).supervise()
    }

    private init(_ program: String, _ options: Options, _ arguments: [String], _ daemon: Daemon?) {
        self.program = program
        self.options = options
        self.arguments = arguments
        self.daemon = daemon
        control = ControlSocket.listen()
        cs_adopt_orphans()
        prepareTable()
    }

    private func prepareTable() {
        // The writing end stays open, unused, as long as this process lives.
        if let lifeline = try? Pipe() { table.put("lifeline", lifeline.reading) }
        for (index, fd) in manager.sockets.enumerated() { table.put("activation \(index)", fd) }
        if let record = ReloadRecord.make() { table.put(ReloadRecord.name, record) }
        if options.isForeground { table.put("stderr", fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)) }
    }

    private func supervise() -> Int32 {
        start(.start)
        while !(generations.isEmpty && (ending != nil || recovery == nil)) { turn() }
        endLeftovers()
        if !hasServed, status == 0, ending != nil, !isAnswered {
            Program.complain("apus: ended before the server was ready\n")
            status = 1
        }
        for name in table.entries.keys { table.remove(name) }
        pidFile?.file.remove()
        daemon?.reportStatus(status)
        return status
    }

    private func turn() {
        var poll = Poll()
        poll.add(signals.fd)
        if control >= 0 { poll.add(control) }
        for client in clients { poll.add(client.fd) }
        if let daemon, daemon.watched >= 0 { poll.add(errorsOf: daemon.watched) }
        for generation in generations where generation.state != .orphaned {
            if generation.isHeard { poll.add(generation.channel.fd, writable: generation.channel.hasOutbox) }
            if generation.console >= 0 { poll.add(generation.console) }
        }
        poll.wait(timeUntilNext())
        // Before anything is opened or closed: what was said of a descriptor must not be taken for another's.
        for client in clients where poll.isReadable(client.fd) { hear(client) }
        for generation in generations {
            if poll.isWritable(generation.channel.fd) { generation.channel.flush() }
            if generation.console >= 0, poll.isReadable(generation.console) { relay(generation) }
            if generation.state != .orphaned, poll.isReadable(generation.channel.fd) { hear(generation) }
        }
        if control >= 0, poll.isReadable(control), let client = ControlSocket.accept(control) { clients.append(client) }
        if poll.isReadable(signals.fd) { readSignals() }
        if daemon?.isForsaken == true { end(.now) }
        checkDeadlines()
        manager.notifyAlive()
    }

    private func timeUntilNext() -> Int64 {
        var times = generations.compactMap(\.deadline)
        if let recovery { times.append(recovery) }
        if let handoverEnd { times.append(handoverEnd) }
        var wait = manager.watchdog ?? 3_600_000_000
        // The end of orphaned workers may be seen by nobody.
        if generations.contains(where: { $0.state == .orphaned }) { wait = min(wait, 200_000) }
        return min(wait, (times.min() ?? .max) - Clock.monotonic())
    }

    // MARK: Orders

    private func readSignals() {
        signals.read { signal, isSent in
            switch signal {
            case SIGTERM, SIGINT:
                log(.notice, "AH00491", "caught SIGTERM, shutting down")
                end(.now)
            case SIGHUP: reload(.restart)
            case SIGUSR1: reload(.graceful)
            // A terminal that changes its size sends it too.
            case SIGWINCH where isSent:
                log(.notice, "AH00492", "caught SIGWINCH, shutting down gracefully")
                end(.graceful)
            case SIGCHLD: reap()
            default: break
            }
        }
    }

    /// An order of `apus -k`: the verb, with the terminal that errors shall be printed to. Or a question.
    private func hear(_ client: PacketSocket) {
        let received = client.receive()
        if case .nothing = received { return }
        clients.removeAll { $0 === client }
        guard case .packet(let packet) = received else { return client.close() }
        if packet.verb == Control.moduleQuestion { return passOn(packet, of: client) }
        switch Options.Verb(rawValue: packet.verb) {
        case .restart: reload(.restart, for: client, terminal: packet.descriptor)
        case .graceful: reload(.graceful, for: client, terminal: packet.descriptor)
        default: answer(client, packet.descriptor, 1)
        }
    }

    /// Lets the leader that serves answer: the end of the pipe that comes with the question says that it has.
    private func passOn(_ question: Packet, of client: PacketSocket) {
        if question.descriptor >= 0 {
            serving?.channel.send(question)
            close(question.descriptor)
        }
        client.close()
    }

    private func answer(_ client: PacketSocket, _ terminal: Int32, _ status: Int32) {
        client.send(Packet("done", ["\(status)"]))
        client.close()
        if terminal >= 0 { close(terminal) }
    }

    private func reload(_ verb: Options.Verb, for client: PacketSocket? = nil, terminal: Int32 = -1) {
        guard ending == nil else {
            if let client { answer(client, terminal, 1) }
            return
        }
        next.add(verb)
        if let client { next.clients.append((client, terminal)) }
        beginReload()
    }

    /// Begins what has been ordered, unless a generation is starting: then its outcome comes first.
    private func beginReload() {
        guard !next.isEmpty, ending == nil, starting == nil, handoverEnd == nil else { return }
        current = next
        next = Orders()
        log(.notice, "AH00493", "\(current.verb == .restart ? "restart" : "graceful reload"): starting generation \(nextNumber)")
        manager.notifyReloading()
        start(.reload)
    }

    /// Answers those who ordered the reload that has just come to its end, and begins the next.
    private func finishReload(_ status: Int32) {
        for (client, terminal) in current.clients { answer(client, terminal, status) }
        current = Orders()
        beginReload()
    }

    private func end(_ how: Ending) {
        guard ending != .now, how == .now || ending == nil else { return }
        ending = how
        recovery = nil
        manager.notifyStopping()
        // From here on nobody may connect; the workers take what has come so far.
        table.removeAll { $0.hasPrefix("listen ") || $0.hasPrefix("activation ") }
        // A program that reads the log must see its end.
        if table["log error"]?.note == "pipe" {
            ErrorLog.standard = nil
            LogSinks.closePipes()
            table.remove("log error")
        }
        for (client, terminal) in current.clients + next.clients { answer(client, terminal, 1) }
        current = Orders()
        next = Orders()
        for generation in generations { dismiss(generation, how == .graceful && generation.state != .starting) }
    }

    /// Tells a generation to leave: after its requests at hand, as long as they may take, or at once.
    private func dismiss(_ generation: Generation, _ gracefully: Bool, within limit: Int64? = nil) {
        let now = Clock.monotonic()
        let patience =
            gracefully ? limit ?? generation.duration("grace") : generation.state == .orphaned ? Supervisor.orphanPatience : Supervisor.stopPatience
        // The leader keeps to the time itself; this is for one that does not. An earlier end stays.
        let end = patience.map { now + $0 + (gracefully ? Supervisor.stopPatience : 0) }
        generation.deadline = [generation.deadline, end].compactMap { $0 }.min()
        switch generation.state {
        case .starting: generation.kill()
        case .orphaned: generation.signalGroup(gracefully ? SIGWINCH : SIGTERM)
        case .serving, .leaving:
            generation.state = .leaving
            generation.channel.send(gracefully ? Packet("drain", limit.map { ["\($0)"] } ?? []) : Packet("stop"))
        }
    }

    // MARK: Generations

    private var starting: Generation? { generations.first { $0.state == .starting } }
    private var serving: Generation? { generations.first { $0.state == .serving } }

    private func start(_ reason: Generation.Reason) {
        recovery = nil
        do throws(SystemProblem) {
            let generation = try Generation.start(
                nextNumber, reason, program: program, arguments: arguments, printsForItself: reason == .start)
            nextNumber += 1
            generations.append(generation)
            generation.welcome(table)
            // At the first start somebody may be typing a pass phrase.
            if reason != .start { generation.deadline = generation.started + patience }
        } catch {
            log(.alert, "APUS1730", "generation \(nextNumber) cannot be started: \(error.description)")
            failed(reason, 1, "could not be started (\(error.description))")
        }
    }

    private func hear(_ generation: Generation) {
        while true {
            switch generation.channel.receive() {
            case .packet(let packet): obey(packet, of: generation)
            case .nothing: return
            case .closed: return generation.isHeard = false
            }
        }
    }

    private func obey(_ packet: Packet, of generation: Generation) {
        switch packet.verb {
        case "offer" where packet.descriptor >= 0 && generation.state == .starting:
            generation.offers.put(packet[0], packet.descriptor, note: packet[1])
        case "offer" where packet.descriptor >= 0 && generation.state == .serving:
            table.put(packet[0], packet.descriptor, note: packet[1])
        case "withdraw" where generation.state == .starting: generation.offers.remove(packet[0])
        case "withdraw" where generation.state == .serving: table.remove(packet[0])
        case "set": generation.settings[packet[0]] = packet[1]
        case "left": generation.hasLeft = true
        case "ready" where generation.state == .starting: becomeServing(generation)
        default: if packet.descriptor >= 0 { close(packet.descriptor) }
        }
    }

    private func becomeServing(_ generation: Generation) {
        let isRestart = current.verb == .restart
        let before = generations.filter { $0 !== generation }
        generation.state = .serving
        generation.deadline = nil
        patience = generation.duration("patience") ?? patience
        relay(generation)
        generation.closeConsole()
        adoptOffers(of: generation)
        ErrorLog.follow(generation.settings["errorlogformat"])
        guard writePidFile(generation) else { return end(.now) }
        hasServed = true
        // Who ordered the reload is answered when nobody with the former configuration takes connections any more.
        handingOver = before.filter { $0.state == .serving }
        handoverEnd = Clock.monotonic() + Supervisor.handoverPatience
        for old in before where old.state != .leaving { dismiss(old, true, within: isRestart ? Supervisor.restartPatience : nil) }
        if generation.reason == .start {
            daemon?.leaveTerminal()
            daemon?.reportStatus(0)
        } else {
            log(.notice, "AH00494", "generation \(generation.number) serves")
        }
        manager.notifyReady("Generation \(generation.number) serves")
        checkHandover()
    }

    private func checkHandover() {
        guard let end = handoverEnd else { return }
        guard handingOver.allSatisfy({ $0.hasLeft }) || end <= Clock.monotonic() else { return }
        handingOver = []
        handoverEnd = nil
        finishReload(0)
    }

    /// What the new generation does not name again is kept no longer.
    private func adoptOffers(of generation: Generation) {
        let stays = ["lifeline", "stderr", ReloadRecord.name]
        let offered = generation.offers.entries.keys
        table.removeAll { !stays.contains($0) && !$0.hasPrefix("activation ") && !offered.contains($0) }
        for name in Array(offered) {
            if let entry = generation.offers.take(name) { table.put(name, entry.descriptor, note: entry.note) }
        }
        ErrorLog.standard = table["log error"].map { LogSinks.adopt(fcntl($0.descriptor, F_DUPFD_CLOEXEC, 3), note: $0.note) }
    }

    private func writePidFile(_ generation: Generation) -> Bool {
        guard let path = generation.settings["pidfile"] else { return true }
        let file = PidFile(path: path)
        let old = pidFile
        // Somebody may have removed it.
        guard old?.file.path != path || file.recorded != getpid() else { return true }
        if let other = file.runningProcess { return refusePidFile(generation, "\(path) is the PidFile of the server with pid \(other)") }
        do throws(SystemProblem) {
            pidFile = (file, try file.write(getpid()))
        } catch {
            return refusePidFile(generation, "the PidFile \(path) cannot be written: \(error.description)")
        }
        if let old {
            if old.file.path != path { old.file.remove() }
            close(old.lock)
        }
        return true
    }

    /// At the start that is an end; later the old file still names the right process.
    private func refusePidFile(_ generation: Generation, _ problem: String) -> Bool {
        log(.error, "AH00098", problem)
        guard generation.reason == .start else { return true }
        Program.complain("apus: \(problem)\n  hint: PidFile names a file of this server alone, in a directory that exists\n")
        status = 1
        return false
    }

    // MARK: Ends

    private func reap() {
        var outcome: Int32 = 0
        while case let process = waitpid(-1, &outcome, WNOHANG | WUNTRACED), process > 0 {
            if cs_wait_stopped(outcome) != 0 {
                log(.warn, "APUS1736", "process \(process) was stopped by a signal; it is continued")
                kill(process, SIGCONT)
                continue
            }
            guard let generation = generations.first(where: { $0.process == process && $0.state != .orphaned }) else { continue }
            hear(generation)
            relay(generation)
            ended(generation, outcome)
        }
        let gone = generations.filter { $0.state == .orphaned && !$0.hasProcesses }
        guard !gone.isEmpty else { return }
        generations.removeAll { generation in gone.contains { $0 === generation } }
        for generation in gone { generation.forget() }
        endLeftovers()
    }

    /// What leaders that died have left besides workers: readers of logs that take no notice of the end.
    private func endLeftovers() {
        let known = generations.map(\.process)
        for process in ChildProcesses.all where !known.contains(process) && !generations.contains(where: { getpgid(process) == $0.process }) {
            kill(process, SIGTERM)
        }
    }

    private func ended(_ generation: Generation, _ outcome: Int32) {
        let state = generation.state
        generation.hasLeft = true
        generation.closeConsole()
        if state == .serving, ending == nil {
            log(
                .alert, "APUS1731",
                "the leader (pid \(generation.process)) of generation \(generation.number) \(describe(outcome)); another is started on the same sockets")
        }
        // Its workers may live on, and serve for another generation to come.
        if generation.hasProcesses, state != .starting {
            generation.state = .orphaned
            if state == .leaving || ending != nil { dismiss(generation, ending != .now) }
        } else {
            generations.removeAll { $0 === generation }
            generation.forget()
        }
        switch state {
        case .starting:
            // Its workers, if there are any, must not serve for it.
            generation.signalGroup(SIGKILL)
            failed(generation.reason, exitStatus(outcome), describe(outcome))
        case .serving where ending == nil && starting == nil: recover(afterLife: Clock.monotonic() - generation.started)
        default: break
        }
    }

    /// Starts another leader: at once after the first accident, later and later when they do not live long.
    private func recover(afterLife life: Int64) {
        failures = life < Supervisor.shortLife ? failures + 1 : 0
        let pause = failures == 0 ? 0 : min((Supervisor.shortLife / 2) << Int64(min(failures, 8) - 1), Supervisor.longestPause)
        recovery = Clock.monotonic() + pause
    }

    /// A generation did not become ready.
    private func failed(_ reason: Generation.Reason, _ code: Int32, _ how: String = "") {
        guard ending == nil else { return }
        if reason == .start {
            // What the leader itself had to say ends with 0 or 1.
            isAnswered = true
            if code > 1 { Program.complain("apus: the server \(how) before it was ready\n") }
            status = code
            return end(.now)
        }
        log(.error, "APUS1732", "the new generation \(how) before it was ready; \(serving == nil ? "it is tried again" : "the one before goes on serving")")
        ReloadRecord.noteFailure()
        if serving == nil { recover(afterLife: 0) }
        manager.notifyReady("The last reload failed; see the error log")
        finishReload(1)
    }

    /// As a shell would say it.
    private func exitStatus(_ outcome: Int32) -> Int32 {
        cs_wait_signaled(outcome) != 0 ? 128 + cs_wait_signal(outcome) : cs_wait_exit_status(outcome)
    }

    private func describe(_ outcome: Int32) -> String {
        cs_wait_signaled(outcome) != 0
            ? "was ended by signal \(cs_wait_signal(outcome))" : "ended with status \(cs_wait_exit_status(outcome))"
    }

    private func checkDeadlines() {
        let now = Clock.monotonic()
        checkHandover()
        if let recovery, recovery <= now, starting == nil { start(.recover) }
        for generation in generations {
            guard let deadline = generation.deadline, deadline <= now else { continue }
            generation.deadline = nil
            if generation.state == .starting {
                log(.error, "APUS1733", "generation \(generation.number) did not become ready in time and is ended (ReloadTimeout)")
                generation.kill()
            } else {
                log(.warn, "APUS1734", "processes of generation \(generation.number) did not leave in time and are ended")
                generation.signalGroup(SIGKILL)
            }
        }
        if generations.contains(where: { $0.state == .orphaned }) { reap() }
    }

    // MARK: Messages

    private func log(_ level: LogLevel, _ code: StaticString, _ message: @autoclosure () -> String) {
        ErrorLog.write(level, code: code, message())
    }

    /// Passes on what a starting generation prints: to those who ordered it, and line by line to the log.
    private func relay(_ generation: Generation) {
        guard generation.console >= 0 else { return }
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = read(generation.console, &buffer, buffer.count)
            guard count > 0 else {
                if count == 0 { generation.closeConsole() }
                return
            }
            for (_, terminal) in current.clients where terminal >= 0 { Terminal.show(buffer[..<count], terminal) }
            if options.isForeground { Terminal.show(buffer[..<count], STDERR_FILENO) }
            let text = String(decoding: buffer[..<count], as: UTF8.self)
            for line in text.split(separator: "\n") { log(.error, "APUS1735", "reload: \(line)") }
        }
    }
}
