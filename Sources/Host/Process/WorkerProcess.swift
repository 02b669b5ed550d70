import ByteKit
import CSystem
import Glibc
import ModuleABI

/// A worker from fork to exit.
struct WorkerProcess {
    private let runtime: Runtime
    private let listeners: [UnsafeMutablePointer<Listener>]
    private let index: Int
    private let scoreboard: Scoreboard?
    /// -X: there is no leader.
    private let isAlone: Bool

    init(_ runtime: Runtime, _ listeners: [UnsafeMutablePointer<Listener>], index: Int, scoreboard: Scoreboard?, isAlone: Bool) {
        self.runtime = runtime
        self.listeners = listeners
        self.index = index
        self.scoreboard = scoreboard
        self.isAlone = isAlone
    }

    func run() -> Int32 {
        do throws(IdentityProblem) {
            try Identity.drop(user: runtime.configuration.user, group: runtime.configuration.group)
        } catch {
            ErrorLog.write(.alert, code: "AH02155", "\(error.message)")
            return 1
        }
        guard let hosts = runtime.configuration.hosts else { return 1 }
        Worker.install(Worker(runtime, hosts: hosts))
        theWorker.pointee.index = index
        theWorker.pointee.scoreboard = scoreboard?.slot(index)
        LogSinks.gathers = true
        HookRunner.runPlain(runtime.hooks[.childInit])
        let loop = theWorker.pointee.loop
        for listener in listeners { loop.addListener(listener) }
        loop.addSignals(signals())
        loop.onSignal = { _ in theWorker.pointee.loop.isStopping = true }
        loop.run()
        HookRunner.runPlain(runtime.hooks[.childExit])
        LogSinks.flushAll()
        return 0
    }

    /// TERM and INT as a descriptor of the loop.
    private func signals() -> Int32 {
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, SIGTERM)
        sigaddset(&set, SIGINT)
        return signalfd(-1, &set, Int32(SFD_CLOEXEC | SFD_NONBLOCK))
    }
}
