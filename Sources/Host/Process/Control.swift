import Glibc

/// `-k` for a server that runs.
enum Control {
    /// Looks a fiftieth of a second apart.
    private static let patience = 750

    /// Carries out the verb. Nil: nothing runs, and the verb means that it shall be started.
    static func perform(_ verb: Options.Verb, _ runtime: Runtime) -> Int32? {
        let file = PidFile(path: runtime.configuration.pidFilePath)
        guard let pid = file.runningProcess else {
            let recorded = file.recorded.map { "pid \($0)?" } ?? "no pid file"
            switch verb {
            case .stop, .gracefulStop:
                Program.complain("apus (\(recorded)) not running\n")
                return 0
            default:
                Program.complain("apus not running, trying to start\n")
                return nil
            }
        }
        switch verb {
        case .start:
            Program.complain("apus (pid \(pid)) already running\n")
            return 0
        case .stop: return signal(pid, SIGTERM) ?? waitForEnd(pid)
        case .gracefulStop: return signal(pid, SIGWINCH) ?? 0
        case .restart: return reload(pid, verb, SIGHUP)
        case .graceful: return reload(pid, verb, SIGUSR1)
        }
    }

    /// Orders a reload and waits for its outcome. The new generation prints its errors to this terminal.
    private static func reload(_ pid: pid_t, _ verb: Options.Verb, _ number: Int32) -> Int32 {
        guard let socket = ControlSocket.connect(to: pid) else {
            // As good, but for the answer.
            if let failure = signal(pid, number) { return failure }
            Program.complain("apus: process \(pid) was told by a signal, and gives no answer: the outcome stands in its error log\n")
            return 0
        }
        socket.send(Packet(verb.rawValue, descriptor: STDERR_FILENO))
        guard case .packet(let answer) = socket.receive(), answer.verb == "done", let status = Int32(answer[0]) else {
            Program.complain("apus: process \(pid) ended before it had reloaded\n")
            return 1
        }
        if status != 0 { Program.complain("apus: the server has not reloaded; as long as it is not ending, it goes on as it was\n") }
        return status
    }

    // MARK: Questions

    /// What is asked of a supervisor, which passes the question on to the leader that serves: the answer comes through a pipe.
    static let moduleQuestion = "modules"
    /// For an answer, in milliseconds.
    private static let answerPatience: Int32 = 5_000

    /// What the modules of the running server have done; nil: none runs, or it does not say.
    static func moduleReport(_ runtime: Runtime) -> String? {
        guard let pid = PidFile(path: runtime.configuration.pidFilePath).runningProcess else { return nil }
        guard let socket = ControlSocket.connect(to: pid), let answer = try? Pipe() else { return refused(pid) }
        socket.send(Packet(moduleQuestion, descriptor: answer.writing))
        close(answer.writing)
        defer {
            close(answer.reading)
            socket.close()
        }
        let text = readAll(answer.reading)
        return text.isEmpty ? refused(pid) : text
    }

    private static func refused(_ pid: pid_t) -> String? {
        Program.complain(
            "apus: the running server (pid \(pid)) does not tell what its modules have done: it tells root and its own user, and nobody "
                + "while its leader is being replaced\n")
        return nil
    }

    private static func readAll(_ fd: Int32) -> String {
        var bytes: [UInt8] = []
        var entry = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 4096) { buffer in
            while poll(&entry, 1, answerPatience) > 0, case let count = read(fd, buffer.baseAddress, buffer.count), count > 0 {
                bytes += buffer[..<count]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The status of a failure; nil: the signal is sent.
    private static func signal(_ pid: pid_t, _ number: Int32) -> Int32? {
        guard kill(pid, number) != 0 else { return nil }
        Program.complain("apus: cannot signal process \(pid): \(systemError(errno))\n")
        return 1
    }

    private static func waitForEnd(_ pid: pid_t) -> Int32 {
        for _ in 0..<patience {
            guard isAlive(pid) else { return 0 }
            usleep(20_000)
        }
        Program.complain("apus: process \(pid) has not ended after \(patience / 50) seconds\n")
        return 1
    }

    /// A process that has ended keeps its number until its parent takes notice, but not its binary.
    private static func isAlive(_ pid: pid_t) -> Bool {
        guard kill(pid, 0) == 0 else { return false }
        var target: CChar = 0
        return readlink("/proc/\(pid)/exe", &target, 1) >= 0 || errno != ENOENT
    }
}
