import CSystem
import Glibc

/// The commands that log lines are piped to: children of the leader, which starts one again that has ended. It keeps the
/// reading end too, so that lines wait in the pipe meanwhile.
enum PipedLogs {
    private struct Reader {
        let command: String
        let input: Int32
        var process: pid_t
        var started: Int64
        /// When it is started again; nil: it runs.
        var due: Int64?
    }

    nonisolated(unsafe) private static var readers: [Reader] = []
    /// A reader that lived shorter than this is not started again at once.
    private static let shortLife: Int64 = 1_000_000
    /// How long a reader may take to come to its end.
    static let endPatience: Int64 = 2_000_000

    /// Starts the command under the shell, its standard input the pipe. Returns the end to write to.
    static func start(_ command: String) throws(SystemProblem) -> Int32 {
        let pipe = try Pipe()
        readers.append(Reader(command: command, input: pipe.reading, process: try run(command, pipe.reading), started: Clock.monotonic()))
        // A reader that stands still must not stop the server: what does not fit into the pipe is lost and counted.
        _ = fcntl(pipe.writing, F_SETFL, fcntl(pipe.writing, F_GETFL) | O_NONBLOCK)
        return pipe.writing
    }

    private static func run(_ command: String, _ input: Int32) throws(SystemProblem) -> pid_t {
        let child = fork()
        guard child >= 0 else { throw SystemProblem(errno) }
        guard child == 0 else { return child }
        // A group of its own: it ends when its input does, not when somebody presses Ctrl-C.
        setpgid(0, 0)
        dup2(input, STDIN_FILENO)
        // What it says must not hold up the terminal, or the pipe, of whoever started the server.
        let null = Glibc.open("/dev/null", O_WRONLY)
        dup2(null, STDOUT_FILENO)
        dup2(Runtime.current?.options.isForeground == true ? LogSinks.standardError : null, STDERR_FILENO)
        // "|command" and "||command" become the command itself; "|$command" is a line for the shell, which stays.
        let isShellLine = command.hasPrefix("$")
        let plain = isShellLine || command.hasPrefix("|") ? String(command.dropFirst()) : command
        cs_reset_signals()
        execute("/bin/sh", ["/bin/sh", "-c", isShellLine || plain.hasPrefix("exec ") ? plain : "exec \(plain)"])
        _exit(127)
    }

    /// A child has ended. True: it was a reader, which is started again at once or, when it did not live long, a little
    /// later.
    static func ended(_ process: pid_t, _ outcome: Int32) -> Bool {
        guard let index = readers.firstIndex(where: { $0.process == process }) else { return false }
        let how = cs_wait_signaled(outcome) != 0 ? "signal \(cs_wait_signal(outcome))" : "status \(cs_wait_exit_status(outcome))"
        ErrorLog.write(.error, code: "AH00106", "piped log program '\(readers[index].command)' ended unexpectedly with \(how); it is started again")
        let now = Clock.monotonic()
        readers[index].process = 0
        readers[index].due = now + (now - readers[index].started < shortLife ? shortLife : 0)
        restart()
        return true
    }

    /// Starts those whose time has come.
    static func restart() {
        let now = Clock.monotonic()
        for index in readers.indices {
            guard let due = readers[index].due, due <= now else { continue }
            readers[index].started = now
            do throws(SystemProblem) {
                readers[index].process = try run(readers[index].command, readers[index].input)
                readers[index].due = nil
            } catch {
                readers[index].due = now + shortLife
                ErrorLog.write(.error, code: "AH00105", "piped log program '\(readers[index].command)' cannot be started: \(error.description)")
            }
        }
    }

    /// For a worker: only the leader starts readers again.
    static func forgetInWorker() {
        for reader in readers { close(reader.input) }
        readers.removeAll()
    }

    /// Lets the readers come to the end of their input, and ends those that take no notice.
    static func finish(_ patience: Int64) {
        LogSinks.closePipes()
        for reader in readers { close(reader.input) }
        var left = readers.map(\.process).filter { $0 > 0 }
        readers.removeAll()
        let deadline = Clock.monotonic() + patience
        while !left.isEmpty, Clock.monotonic() < deadline {
            left.removeAll { waitpid($0, nil, WNOHANG) != 0 }
            if !left.isEmpty { usleep(2_000) }
        }
        for process in left { kill(process, SIGTERM) }
    }
}
