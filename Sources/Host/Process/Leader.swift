import ByteKit
import CSystem
import Glibc
import ModuleABI

/// The process that makes a generation: it reads the configuration, binds and opens everything, forks the workers and looks
/// after them until its supervisor says that it may leave.
///
/// Invariant: one thread, so that forking is safe.
final class Leader {
    private let runtime: Runtime
    private let handover: Handover?
    private var listeners: [UnsafeMutablePointer<Listener>] = []
    private let began = Clock.monotonic()

    private static let stopPatience: Int64 = 5_000_000
    /// When the supervisor has gone, nothing shall stay.
    private static let orphanPatience: Int64 = 300_000
    private static let tick: Int64 = 1_000_000

    init(_ runtime: Runtime) {
        self.runtime = runtime
        handover = runtime.handover
    }

    // MARK: Start

    func run() -> Int32 {
        if handover?.reason == .start || handover == nil, let pid = PidFile(path: runtime.configuration.pidFilePath).runningProcess {
            Program.complain("apus (pid \(pid)) already running\n")
            return 0
        }
        FileLimit.raise()
        // Nobody but the owner writes what this process creates, whoever started it.
        umask(umask(0) | 0o022)
        guard openLogs(), bind(), openModules(), checkIdentity() else { return 1 }
        LogDirectories.warn(runtime.configuration)
        if handover == nil { return runInOneProcess() }
        guard checkThreads(), let scoreboard = Scoreboard(slots: Workers.slotCount(runtime), modules: runtime.modules.count)
        else { return 1 }
        runtime.accounts = scoreboard.accounts
        LogSinks.share(slots: scoreboard.slotCount)
        let signals = SignalDescriptor([SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGWINCH, SIGCHLD])
        offerEverything()
        // From here on the whole generation can be signalled at once.
        setpgid(0, 0)
        let workers = Workers(runtime, listeners, scoreboard)
        workers.start()
        return lead(workers, signals)
    }

    private func openModules() -> Bool {
        defer { Program.report(runtime.openDiagnostics) }
        let isReload = handover.map { $0.reason != .start } ?? false
        return runtime.open(isReload ? APUS_OPEN_RELOAD : APUS_OPEN_START)
    }

    private func openLogs() -> Bool {
        // A daemon has none any more, but for the log that was opened on it.
        let kept = handover?.inherited["stderr"] ?? (handover?.reason == .start ? nil : handover?.inherited["log error"])
        if let kept { LogSinks.standardError = kept.descriptor }
        return ErrorLogs.each(runtime) { target, resolve throws(SystemProblem) in try LogSinks.open(target, resolve: resolve) }
    }

    /// Takes the sockets that are there for the addresses of the configuration, and binds the others.
    private func bind() -> Bool {
        var isFine = true
        for spec in runtime.configuration.listeners {
            do throws(SystemProblem) {
                let place = UnsafeMutablePointer<Listener>.allocate(capacity: 1)
                place.initialize(to: try listener(for: spec.address))
                listeners.append(place)
            } catch {
                isFine = false
                Program.complain(
                    "\(spec.location.map { "\($0): " } ?? "")error: Listen: cannot listen on \(spec.address.description): "
                        + "\(error.description)\n  hint: \(advice(error.code, spec.address))\n")
            }
        }
        return isFine
    }

    private func listener(for address: SocketAddress) throws(SystemProblem) -> Listener {
        let settings = runtime.configuration.listenerSettings
        if let kept = handover?.inherited.take("listen \(address.description)") {
            return try .adopt(kept.descriptor, address, settings)
        }
        if let activated = handover?.inherited.entries.first(where: {
            $0.key.hasPrefix("activation ") && Listener.address(of: $0.value.descriptor) == address
        }) {
            let fd = handover?.inherited.take(activated.key)?.descriptor ?? -1
            return try .adopt(fd, address, settings)
        }
        return try .open(address, settings)
    }

    private func advice(_ code: Int32, _ address: SocketAddress) -> String {
        // "*:80" cannot be bound while "192.0.2.1:80" is, nor the other way round.
        let isOwn = handover?.inherited.entries.keys.contains { $0.hasPrefix("listen ") && $0.hasSuffix(":\(address.port)") } ?? false
        return switch code {
        case EADDRINUSE where isOwn:
            "this server itself listens on the port with another address, until the reload is complete: for this change, stop it and start it"
        case EADDRINUSE: "another process listens there: stop it, or choose another port"
        case EACCES: "ports below 1024 need root: start as root, or choose a higher port"
        case EADDRNOTAVAIL: "this machine does not have that address"
        default: "check the address"
        }
    }

    private func checkIdentity() -> Bool {
        do throws(IdentityProblem) {
            try Identity.check(runtime.configuration)
            return true
        } catch {
            Program.complain("apus: \(error.message)\n")
            return false
        }
    }

    private func checkThreads() -> Bool {
        let count = cs_thread_count()
        guard count > 1 else { return true }
        Program.complain(
            "apus: a module started \(count - 1) thread(s) before the workers are forked; threads may start in child_init only. "
                + "Loaded: \(runtime.modules.dropFirst().map(\.name).joined(separator: ", "))\n")
        return false
    }

    private func runInOneProcess() -> Int32 {
        let pidFile = PidFile(path: runtime.configuration.pidFilePath)
        let lock = try? pidFile.write(getpid())
        defer {
            pidFile.remove()
            if let lock { close(lock) }
        }
        return WorkerProcess(alone: runtime, listeners).run()
    }

    // MARK: Handing over

    /// What the generations to come will want, and what the supervisor wants to know.
    private func offerEverything() {
        guard let handover else { return }
        for (name, entry) in handover.inherited.entries where name.hasPrefix("activation ") {
            let address = Listener.address(of: entry.descriptor)
            guard !listeners.contains(where: { $0.pointee.address == address }) else { continue }
            ErrorLog.write(
                .warn, code: "APUS1707",
                "the service manager opened a socket (\(address?.description ?? "no TCP address")) that no Listen line names; it is not used")
        }
        for listener in listeners {
            handover.offer("listen \(listener.pointee.address.description)", listener.pointee.fd)
        }
        if let log = ErrorLog.standard { handover.offer("log error", log.pointee.fd, note: log.pointee.note) }
        if let record = handover.inherited.take(ReloadRecord.name) { ReloadRecord.adopt(record.descriptor) }
        // What is not used any more must not stay open in the workers.
        handover.inherited.removeAll { $0 != "lifeline" && $0 != "stderr" }
        handover.set("pidfile", runtime.configuration.pidFilePath)
        handover.set("errorlogformat", runtime.configuration.errorLogFormat.map { String(decoding: $0, as: UTF8.self) } ?? "")
        handover.set("grace", "\(runtime.configuration.gracefulShutdownTimeout)")
        handover.set("patience", "\(runtime.configuration.reloadTimeout)")
    }

    // MARK: Leading

    private enum State {
        case starting, serving
        /// Until then, in monotonic microseconds; nil: as long as it takes. Then the workers are told to end, and at last ended.
        case leaving(until: Int64?, isLast: Bool)
    }

    private func lead(_ workers: Workers, _ signals: SignalDescriptor) -> Int32 {
        guard let handover else { return 1 }
        cs_die_with_parent(0)
        var state = State.starting
        var hasReportedLeft = false
        var nextLook = Clock.monotonic() + Leader.tick
        Messages.leader = { workers.send($0) }
        while true {
            var poll = Poll()
            poll.add(signals.fd)
            if handover.isOpen { poll.add(handover.descriptor, writable: handover.hasOutbox) }
            workers.addSockets(to: &poll)
            poll.wait(max(0, min(nextLook, workers.nextStart ?? nextLook) - Clock.monotonic()))
            if poll.isWritable(handover.descriptor) { handover.flush() }
            workers.hear(poll)
            if poll.isReadable(signals.fd) { readSignals(signals, workers, &state) }
            if poll.isReadable(handover.descriptor) { obey(handover, workers, &state) }
            workers.startWaiting()
            if Clock.monotonic() >= nextLook {
                workers.look()
                PipedLogs.restart()
                FileWatch.look()
                nextLook = Clock.monotonic() + Leader.tick
            }
            switch state {
            case .starting:
                if workers.hasFailedToStart { return failToStart(workers) }
                if workers.allServe { serve(handover, &state) }
            case .serving: break
            case .leaving(let end, let isLast):
                if !hasReportedLeft, workers.haveLeft {
                    hasReportedLeft = true
                    handover.reportLeft()
                }
                if workers.isEmpty { return leave(handover.isOpen ? PipedLogs.endPatience : Leader.orphanPatience) }
                if let end, end <= Clock.monotonic() {
                    workers.stop(isLast ? SIGKILL : SIGTERM)
                    state = .leaving(until: isLast ? nil : Clock.monotonic() + Leader.stopPatience, isLast: true)
                } else if let end {
                    nextLook = min(nextLook, end)
                }
            }
        }
    }

    private func serve(_ handover: Handover, _ state: inout State) {
        state = .serving
        StandardStreams.leaveTerminal(isForeground: runtime.options.isForeground)
        ErrorLog.write(
            .notice, code: "AH00489",
            "\(Version.product)/\(Version.number) configured -- resuming normal operations, \(runtime.workerCount) workers, generation \(handover.number)")
        for note in runtime.configuration.withoutEffect {
            ErrorLog.write(.info, code: "APUS1708", "\(note.location): \(note.directive) has no effect: \(note.reason)")
        }
        handover.reportReady()
    }

    /// A worker died before it served: so would every other.
    private func failToStart(_ workers: Workers) -> Int32 {
        Program.complain(
            "apus: \(workers.startProblem ?? "a worker ended before it could serve; the reason stands in \(runtime.mainErrorLog)")\n")
        workers.end()
        StandardStreams.close([STDERR_FILENO])
        PipedLogs.finish(PipedLogs.endPatience)
        return 1
    }

    private func readSignals(_ signals: SignalDescriptor, _ workers: Workers, _ state: inout State) {
        signals.read { signal, _ in
            switch signal {
            case SIGCHLD: reap(workers)
            // Meant for the supervisor, which follows this generation with another.
            case SIGTERM, SIGINT: stop(workers, Leader.stopPatience, &state)
            default: break
            }
        }
    }

    private func reap(_ workers: Workers) {
        var outcome: Int32 = 0
        while case let pid = waitpid(-1, &outcome, WNOHANG | WUNTRACED), pid > 0 {
            if cs_wait_stopped(outcome) != 0 {
                workers.stopped(pid)
            } else if !workers.ended(pid, outcome) {
                _ = PipedLogs.ended(pid, outcome)
            }
        }
    }

    private func obey(_ handover: Handover, _ workers: Workers, _ state: inout State) {
        while let order = handover.nextOrder() {
            switch order {
            case .drain(let patience):
                workers.drain()
                if case .leaving = state { continue }
                let grace = patience ?? runtime.configuration.gracefulShutdownTimeout
                state = .leaving(until: grace > 0 ? Clock.monotonic() + grace : nil, isLast: false)
                closeListeners()
            case .tellOfModules(let descriptor): tellOfModules(descriptor)
            case .stop: return stop(workers, Leader.stopPatience, &state)
            case .orphaned: return stop(workers, Leader.orphanPatience, &state)
            }
        }
    }

    /// Whoever asks and does not read gets what fits: this process must not wait.
    private func tellOfModules(_ descriptor: Int32) {
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        if let report = ModuleReport(runtime, age: Clock.monotonic() - began) { Program.write(report.text, descriptor) }
        close(descriptor)
    }

    private func stop(_ workers: Workers, _ patience: Int64, _ state: inout State) {
        workers.stop()
        state = .leaving(until: Clock.monotonic() + patience, isLast: true)
        closeListeners()
    }

    private func closeListeners() {
        for listener in listeners where listener.pointee.fd >= 0 {
            close(listener.pointee.fd)
            listener.pointee.fd = -1
        }
    }

    private func leave(_ patience: Int64) -> Int32 {
        for module in runtime.modules.reversed() { module.descriptor?.pointee.detach?(module.ctx) }
        StandardStreams.close([STDERR_FILENO])
        PipedLogs.finish(patience)
        return 0
    }
}
