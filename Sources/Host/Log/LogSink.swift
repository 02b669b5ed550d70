import ByteKit
import CSystem
import Glibc
import ModuleABI

/// A log target: a file, a pipe to a command, or standard error. What a module knows as apus_log_sink.
///
/// Lines are gathered and written together; each write ends at a line's end, so lines of several workers never mix.
struct LogSink {
    typealias Ref = UnsafeMutablePointer<LogSink>

    static let capacity = 64 << 10

    var fd: Int32
    var isPipe: Bool
    var buffer: UnsafeMutablePointer<UInt8>
    var length = 0
    /// Pieces that a full pipe or disk did not take, and that nobody has been told of yet.
    var dropped = 0
    var target: Bytes
}

/// All log targets of this process.
enum LogSinks {
    nonisolated(unsafe) private static var all: [LogSink.Ref] = []
    nonisolated(unsafe) private static let lock: UnsafeMutablePointer<pthread_mutex_t> = {
        let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        pthread_mutex_init(lock, nil)
        return lock
    }()

    /// Whether lines wait; read without the lock: a line missed here is seen a turn later.
    nonisolated(unsafe) private(set) static var hasLines = false
    nonisolated(unsafe) private static var firstLineTime: Int64 = 0
    /// In the leader, and when the process ends, every line leaves at once.
    nonisolated(unsafe) static var gathers = false

    private static let patience: Int64 = 100_000
    nonisolated(unsafe) private static var lastWarning: Int64 = 0
    private static let warningPause: Int64 = 10_000_000

    static func areDue(_ now: Int64) -> Bool { now - firstLineTime > patience }

    /// Opens a target, or returns the one that is open already. Throws the reason why not.
    static func open(_ target: String, resolve: (String) -> String) throws(SystemProblem) -> LogSink.Ref {
        let isPipe = target.hasPrefix("|")
        let name = isPipe ? target : resolve(target)
        if let existing = all.first(where: { $0.pointee.target.string == name }) { return existing }
        let fd = isPipe ? try PipedLog.start(String(target.dropFirst())) : Glibc.open(name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
        guard fd >= 0 else { throw SystemProblem(errno) }
        return add(fd, isPipe: isPipe, Bytes.immortal(name))
    }

    static func add(_ fd: Int32, isPipe: Bool, _ target: Bytes) -> LogSink.Ref {
        let sink = LogSink.Ref.allocate(capacity: 1)
        sink.initialize(
            to: LogSink(fd: fd, isPipe: isPipe, buffer: .allocate(capacity: LogSink.capacity), target: target))
        all.append(sink)
        return sink
    }

    /// Appends whole lines. [any thread]
    static func append(_ sink: LogSink.Ref, _ lines: Bytes) {
        guard let source = lines.ptr else { return }
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        if sink.pointee.length + lines.count > LogSink.capacity { flush(sink) }
        guard lines.count <= LogSink.capacity else { return write(sink, lines) }
        memcpy(sink.pointee.buffer + sink.pointee.length, source, lines.count)
        sink.pointee.length += lines.count
        guard gathers else { return flush(sink) }
        if !hasLines {
            hasLines = true
            firstLineTime = theWorkerIfAny?.pointee.now ?? 0
        }
        // A pipe takes at most so much in one piece; whole lines only.
        if sink.pointee.isPipe, sink.pointee.length >= 2048 { flush(sink) }
    }

    static func flushAll() {
        for sink in writeAll() {
            ErrorLog.write(
                .warn, code: "APUS1602", "log lines for \(sink.pointee.target.string) are lost: it takes no more; a reader that is too slow, or a full disk")
        }
    }

    /// Writes what waits. Returns the targets that lost something since the last time.
    private static func writeAll() -> [LogSink.Ref] {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        hasLines = false
        for sink in all where sink.pointee.length > 0 { flush(sink) }
        // Told again only after a while: a reader that stands still stands still for long.
        let now = theWorkerIfAny?.pointee.now ?? 0
        guard now - lastWarning > warningPause else { return [] }
        let losers = all.filter { $0.pointee.dropped > 0 }
        if !losers.isEmpty { lastWarning = now }
        for sink in losers { sink.pointee.dropped = 0 }
        return losers
    }

    private static func flush(_ sink: LogSink.Ref) {
        let waiting = Bytes(UnsafeRawPointer(sink.pointee.buffer), count: sink.pointee.length)
        sink.pointee.length = 0
        write(sink, waiting)
    }

    private static func write(_ sink: LogSink.Ref, _ bytes: Bytes) {
        var rest = bytes
        while !rest.isEmpty {
            let count = Glibc.write(sink.pointee.fd, rest.ptr, rest.count)
            if count > 0 {
                rest = rest.from(count)
            } else if errno != EINTR {
                sink.pointee.dropped += 1
                return
            }
        }
    }
}

/// Commands that log lines are piped to.
enum PipedLog {
    /// Starts the command under the shell, its standard input the pipe. Returns the end to write to.
    static func start(_ command: String) throws(SystemProblem) -> Int32 {
        // "|command" and "||command" become the command itself; "|$command" is a line for the shell, which stays.
        let isShellLine = command.hasPrefix("$")
        let plain = isShellLine || command.hasPrefix("|") ? String(command.dropFirst()) : command
        var ends: (Int32, Int32) = (0, 0)
        let made = withUnsafeMutablePointer(to: &ends) {
            $0.withMemoryRebound(to: Int32.self, capacity: 2) { cs_pipe2($0, O_CLOEXEC) }
        }
        guard made == 0 else { throw SystemProblem(errno) }
        let child = fork()
        guard child >= 0 else { throw SystemProblem(errno) }
        if child == 0 {
            dup2(ends.0, 0)
            // A daemon's readers must not keep the terminal, or the pipe, of whoever started it.
            if Runtime.current?.options.isForeground != true {
                let null = Glibc.open("/dev/null", O_WRONLY)
                dup2(null, STDOUT_FILENO)
                dup2(null, STDERR_FILENO)
            }
            let arguments: [String] = ["/bin/sh", "-c", isShellLine || plain.hasPrefix("exec ") ? plain : "exec \(plain)"]
            var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
            pointers.append(nil)
            cs_default_signal(SIGPIPE)
            execv("/bin/sh", &pointers)
            _exit(127)
        }
        close(ends.0)
        // A reader that stands still must not stop the server: what does not fit into the pipe is lost and counted.
        _ = fcntl(ends.1, F_SETFL, fcntl(ends.1, F_GETFL) | O_NONBLOCK)
        return ends.1
    }
}
