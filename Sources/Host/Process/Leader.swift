import ByteKit
import CSystem
import Glibc
import ModuleABI

/// The process that reads the configuration, binds and opens everything, forks the workers and looks after them.
///
/// Invariant: one thread, so that forking is safe.
final class Leader {
    private struct Child {
        var pid: pid_t
        var index: Int
        var started: Int64
    }

    private let runtime: Runtime
    private let pidFile: PidFile
    private var listeners: [UnsafeMutablePointer<Listener>] = []
    private var children: [Child] = []
    private var scoreboard: Scoreboard?
    private var isStopping = false
    /// Workers to start again, and when.
    private var waiting: [(index: Int, time: Int64)] = []

    private static let handledSignals = [SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGWINCH, SIGCHLD]
    /// A worker that lived shorter than this is not started again at once.
    private static let shortLife: Int64 = 2_000_000

    init(_ runtime: Runtime) {
        self.runtime = runtime
        pidFile = PidFile(path: runtime.configuration.resolve(runtime.configuration.pidFile))
    }

    // MARK: Start

    func run() -> Int32 {
        if let pid = pidFile.runningProcess {
            Program.complain("apus (pid \(pid)) already running\n")
            return 0
        }
        raiseFileLimit()
        guard openLogs(), bind(), openModules() else { return 1 }
        if runtime.options.isDebug { return runInOneProcess() }
        let daemon = runtime.options.isForeground ? nil : Daemon.detach()
        if let status = daemon?.parentStatus { return status }
        guard prepare() else { return 1 }
        daemon?.leaveTerminal()
        start()
        daemon?.reportReady()
        supervise()
        return 0
    }

    /// The usual limit of 1024 open files is made for programs with a terminal, not for a server.
    private func raiseFileLimit() {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(resource, &limit) == 0 else { return }
        limit.rlim_cur = max(limit.rlim_cur, min(limit.rlim_max, 65536))
        setrlimit(resource, &limit)
    }

    private func openModules() -> Bool {
        defer { Program.report(runtime.openDiagnostics) }
        return runtime.open(APUS_OPEN_START)
    }

    private func openLogs() -> Bool {
        var isFine = true
        for draft in runtime.configuration.servers {
            let core = draft.server.pointee.core.pointee
            let target = core.errorLog.isSet ? core.errorLog.string : "logs/error_log"
            do throws(SystemProblem) {
                let sink = try LogSinks.open(target, resolve: runtime.configuration.resolve)
                draft.server.pointee.errorLog = sink
                if draft === runtime.configuration.main { ErrorLog.standard = sink }
            } catch {
                isFine = false
                Program.complain(
                    "\(draft.location.map { "\($0): " } ?? "")error: ErrorLog: cannot open "
                        + "\(runtime.configuration.resolve(target)): \(error.description)\n"
                        + "  hint: create the directory, or correct the path\n")
            }
        }
        return isFine
    }

    private func bind() -> Bool {
        var isFine = true
        for spec in runtime.configuration.listeners {
            do throws(SystemProblem) {
                let place = UnsafeMutablePointer<Listener>.allocate(capacity: 1)
                place.initialize(to: try Listener.open(spec.address))
                listeners.append(place)
            } catch {
                isFine = false
                Program.complain(
                    "\(spec.location.map { "\($0): " } ?? "")error: Listen: cannot listen on \(spec.address.description): "
                        + "\(error.description)\n  hint: \(advice(error.code))\n")
            }
        }
        return isFine
    }

    private func advice(_ code: Int32) -> String {
        switch code {
        case EADDRINUSE: "another process listens there: stop it, or choose another port"
        case EACCES: "ports below 1024 need root: start as root, or choose a higher port"
        case EADDRNOTAVAIL: "this machine does not have that address"
        default: "check the address"
        }
    }

    /// The last that can fail, and be told at the terminal.
    private func prepare() -> Bool {
        for signal in Leader.handledSignals { block(signal) }
        do throws(SystemProblem) {
            try pidFile.write(getpid())
        } catch {
            Program.complain("apus: cannot write \(pidFile.path): \(error.description)\n")
            return false
        }
        scoreboard = Scoreboard(workers: runtime.workerCount)
        return checkThreads()
    }

    private func start() {
        for index in 0..<runtime.workerCount { fork(index) }
        ErrorLog.write(
            .notice, code: "AH00489", "\(Version.product)/\(Version.number) configured -- resuming normal operations, \(runtime.workerCount) workers")
    }

    private func checkThreads() -> Bool {
        let count = cs_thread_count()
        guard count > 1 else { return true }
        Program.complain(
            "apus: a module started \(count - 1) thread(s) before the workers are forked; threads may start in child_init only. "
                + "Loaded: \(runtime.modules.dropFirst().map(\.name).joined(separator: ", "))\n")
        return false
    }

    private func block(_ signal: Int32) {
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, signal)
        sigprocmask(SIG_BLOCK, &set, nil)
    }

    private func runInOneProcess() -> Int32 {
        block(SIGTERM)
        block(SIGINT)
        try? pidFile.write(getpid())
        defer { pidFile.remove() }
        return WorkerProcess(runtime, listeners, index: 0, scoreboard: nil, isAlone: true).run()
    }

    // MARK: Workers

    private func fork(_ index: Int) {
        scoreboard?.clear(index)
        let pid = Glibc.fork()
        if pid == 0 {
            cs_die_with_parent(SIGTERM)
            exit(WorkerProcess(runtime, listeners, index: index, scoreboard: scoreboard, isAlone: false).run())
        }
        guard pid > 0 else {
            ErrorLog.write(.alert, code: "AH00159", "a worker cannot be forked: \(systemError(errno))")
            waiting.append((index, Clock.now() + Leader.shortLife))
            return
        }
        children.append(Child(pid: pid, index: index, started: Clock.now()))
    }

    private func supervise() {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in Leader.handledSignals { sigaddset(&set, signal) }
        while !(isStopping && children.isEmpty) {
            var wait = timespec(tv_sec: 1, tv_nsec: 0)
            let signal = sigtimedwait(&set, nil, &wait)
            if signal > 0 { handle(signal) }
            startWaiting()
        }
        pidFile.remove()
        detachModules()
        ErrorLog.write(.notice, code: "AH00491", "caught SIGTERM, shutting down")
    }

    private func handle(_ signal: Int32) {
        switch signal {
        case SIGTERM, SIGINT: stop()
        case SIGCHLD: reap()
        default:
            ErrorLog.write(.warn, code: "APUS1701", "signal \(signal) asks for a reload, which this version does not offer; it is ignored")
        }
    }

    private func reap() {
        var status: Int32 = 0
        while case let pid = waitpid(-1, &status, WNOHANG), pid > 0 {
            guard let at = children.firstIndex(where: { $0.pid == pid }) else { continue }
            let child = children.remove(at: at)
            guard !isStopping else { continue }
            report(child, status)
            let isShort = Clock.now() - child.started < Leader.shortLife
            waiting.append((child.index, Clock.now() + (isShort ? Leader.shortLife / 2 : 0)))
        }
    }

    private func report(_ child: Child, _ status: Int32) {
        if cs_wait_signaled(status) != 0 {
            let number = cs_wait_signal(status)
            ErrorLog.write(
                .notice, code: "AH00052", "child pid \(child.pid) exit signal \(String(cString: strsignal(number))) (\(number)); it is replaced")
        } else {
            ErrorLog.write(
                .error, code: "APUS1702", "child pid \(child.pid) ended with status \(cs_wait_exit_status(status)); it is replaced")
        }
    }

    private func startWaiting() {
        guard !isStopping else { return }
        let now = Clock.now()
        let due = waiting.filter { $0.time <= now }
        waiting.removeAll { $0.time <= now }
        for entry in due { fork(entry.index) }
    }

    private func stop() {
        guard !isStopping else { return }
        isStopping = true
        for child in children { kill(child.pid, SIGTERM) }
        // Workers end at once; one that does not is ended.
        let deadline = Clock.now() + 5_000_000
        while !children.isEmpty, Clock.now() < deadline {
            reap()
            usleep(5_000)
        }
        for child in children { kill(child.pid, SIGKILL) }
    }

    private func detachModules() {
        for module in runtime.modules.reversed() { module.descriptor?.pointee.detach?(module.ctx) }
    }
}
