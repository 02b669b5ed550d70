import Glibc

/// -k for a server that runs.
enum Control {
    private static let patience = 100

    /// TERM, and wait until it is gone.
    static func stop(_ runtime: Runtime) -> Int32 {
        let file = PidFile(path: runtime.configuration.resolve(runtime.configuration.pidFile))
        guard let pid = file.runningProcess else {
            Program.complain("apus (\(file.path)) is not running\n")
            return 0
        }
        guard kill(pid, SIGTERM) == 0 else {
            Program.complain("apus: cannot signal process \(pid): \(systemError(errno))\n")
            return 1
        }
        for _ in 0..<patience {
            guard kill(pid, 0) == 0 else { return 0 }
            usleep(100_000)
        }
        Program.complain("apus: process \(pid) has not ended after \(patience / 10) seconds\n")
        return 1
    }

    static func refuse(_ verb: Options.Verb) -> Int32 {
        Program.complain("apus: -k \(verb.rawValue) is not offered by this version: use -k stop, then -k start\n")
        return 1
    }
}
