import ByteKit
import CSystem
import Glibc
import ModuleABI

/// A log target: a file, a pipe to a command, or a log of the system. What a module knows as apus_log_sink.
///
/// Lines are gathered and written together; each write ends at a line's end, so lines of several workers never mix.
struct LogSink {
    typealias Ref = UnsafeMutablePointer<LogSink>

    enum Kind {
        case file, pipe
        case system(SystemLog)

        var isPipe: Bool { if case .pipe = self { true } else { false } }
        var isSystem: Bool { if case .system = self { true } else { false } }
    }

    var fd: Int32
    var kind: Kind
    var buffer: LogBuffer
    /// Pieces that a full pipe or disk did not take, and that nobody has been told of yet.
    var dropped = 0
    var target: Bytes
}

/// Whole lines on their way to a target. In a worker it lies in memory shared with the leader, which writes what a worker
/// that died has left there.
struct LogBuffer {
    static let capacity = 64 << 10
    /// The length, alone in its cache line, and the lines.
    static let stride = 64 + capacity

    private let base: UnsafeMutableRawPointer

    init(at base: UnsafeMutableRawPointer) { self.base = base }

    static func make() -> LogBuffer {
        let base = UnsafeMutableRawPointer.allocate(byteCount: stride, alignment: 64)
        base.storeBytes(of: 0, as: Int64.self)
        return LogBuffer(at: base)
    }

    /// Checked, for another process may have written it.
    var length: Int { min(max(Int(cs_load(base.assumingMemoryBound(to: Int64.self))), 0), LogBuffer.capacity) }

    var lines: Bytes { Bytes(UnsafeRawPointer(base + 64), count: length) }

    /// The lines first, then the length: a process that dies in between leaves whole lines.
    func append(_ text: Bytes) {
        let length = self.length
        memcpy(base + 64 + length, text.ptr.unsafelyUnwrapped, text.count)
        cs_store(base.assumingMemoryBound(to: Int64.self), Int64(length + text.count))
    }

    func clear() { cs_store(base.assumingMemoryBound(to: Int64.self), 0) }
}

/// All log targets of this process.
enum LogSinks {
    nonisolated(unsafe) private static var all: [LogSink.Ref] = []
    /// Since when lines wait; 0: none does. Written under the lock.
    @exclusivity(unchecked) nonisolated(unsafe) private static var waitingSince: Int64 = 0
    /// Whether lines wait; read without the lock: a line missed here is seen a turn later.
    static var hasLines: Bool { cs_load(&waitingSince) != 0 }
    /// In the leader, and when the process ends, every line leaves at once.
    nonisolated(unsafe) private static var gathers = false
    /// Where `/dev/stderr` leads: the standard error of the server, which is not that of a generation that starts.
    nonisolated(unsafe) static var standardError = STDERR_FILENO

    private static let patience: Int64 = 100_000
    nonisolated(unsafe) private static var lastWarning: Int64 = 0
    private static let warningPause: Int64 = 10_000_000

    static func areDue(_ now: Int64) -> Bool { now - cs_load(&waitingSince) > patience }

    // MARK: Targets

    /// Opens a target, or returns the one that is open already. Throws the reason why not.
    static func open(_ target: String, resolve: (String) -> String) throws(SystemProblem) -> LogSink.Ref {
        let system = SystemLog(target)
        let isPipe = target.hasPrefix("|")
        let name = isPipe || system != nil ? target : resolve(target)
        if let existing = all.first(where: { $0.pointee.target.string == name }) { return existing }
        let kind: LogSink.Kind = if let system { .system(system) } else { isPipe ? .pipe : .file }
        let fd = switch kind {
        case .file: try openFile(name)
        case .pipe: try PipedLogs.start(String(target.dropFirst()))
        case .system(let log): try log.connect()
        }
        return add(fd, kind, Bytes.immortal(name))
    }

    /// What opening it would come to, as far as that can be known without making anything. Returns a target that takes
    /// nothing.
    static func check(_ target: String, resolve: (String) -> String) throws(SystemProblem) -> LogSink.Ref {
        let system = SystemLog(target)
        if system == nil, !target.hasPrefix("|") {
            let name = resolve(target)
            if !checked.contains(name) {
                try checkFile(name)
                checked.insert(name)
            }
        }
        return unopened
    }

    /// Files that could be opened.
    nonisolated(unsafe) private static var checked: Set<String> = []
    nonisolated(unsafe) private static let unopened: LogSink.Ref = {
        let sink = LogSink.Ref.allocate(capacity: 1)
        sink.initialize(to: LogSink(fd: -1, kind: .file, buffer: .make(), target: Bytes("")))
        return sink
    }()

    private static func checkFile(_ name: String) throws(SystemProblem) {
        var info = stat()
        if stat(name, &info) == 0 {
            if info.st_mode & S_IFMT == S_IFDIR { throw SystemProblem(EISDIR) }
            guard access(name, W_OK) == 0 else { throw SystemProblem(errno) }
            return
        }
        guard errno == ENOENT else { throw SystemProblem(errno) }
        guard access(name.directory, W_OK | X_OK) == 0 else { throw SystemProblem(errno) }
    }

    private static func openFile(_ name: String) throws(SystemProblem) -> Int32 {
        let fd = switch name {
        case "/dev/stderr", "/proc/self/fd/2": fcntl(standardError, F_DUPFD_CLOEXEC, 3)
        case "/dev/stdout", "/proc/self/fd/1": fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
        default: Glibc.open(name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0o644)
        }
        guard fd >= 0 else { throw SystemProblem(errno) }
        return fd
    }

    private static func add(_ fd: Int32, _ kind: LogSink.Kind, _ target: Bytes) -> LogSink.Ref {
        let sink = LogSink.Ref.allocate(capacity: 1)
        sink.initialize(to: LogSink(fd: fd, kind: kind, buffer: .make(), target: target))
        all.append(sink)
        return sink
    }

    /// The one target of a process that was given it open, in place of the one before; the descriptor is the sink's from
    /// here on. `note` is what `LogSink.note` said elsewhere.
    static func adopt(_ fd: Int32, note: String) -> LogSink.Ref {
        let kind: LogSink.Kind = if let system = SystemLog(note) { .system(system) } else { note == "pipe" ? .pipe : .file }
        guard let sink = all.first else { return add(fd, kind, Bytes("the error log")) }
        if sink.pointee.fd >= 0 { close(sink.pointee.fd) }
        sink.pointee.fd = fd
        sink.pointee.kind = kind
        return sink
    }

    /// The files among them.
    static var filePaths: [String] {
        all.compactMap { if case .file = $0.pointee.kind { $0.pointee.target.string } else { nil } }
    }

    /// Closes the pipes, so that their readers come to the end.
    static func closePipes() {
        for sink in all where sink.pointee.kind.isPipe && sink.pointee.fd >= 0 {
            close(sink.pointee.fd)
            sink.pointee.fd = -1
        }
    }

    // MARK: Workers

    nonisolated(unsafe) private static var shared: UnsafeMutableRawPointer?
    nonisolated(unsafe) private static var sharedCount = 0

    /// Makes the memory in which workers gather their lines. In the leader, when all targets are open.
    static func share(slots: Int) {
        sharedCount = all.count
        let size = slots * sharedCount * LogBuffer.stride
        guard size > 0 else { return }
        let raw = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        if raw != MAP_FAILED { shared = raw }
    }

    private static func sharedBuffer(_ slot: Int, _ sink: Int) -> LogBuffer? {
        shared.map { LogBuffer(at: $0 + (slot * sharedCount + sink) * LogBuffer.stride) }
    }

    /// From here on lines are gathered, in the memory of the slot.
    static func gather(slot: Int) {
        for (index, sink) in all.enumerated() where index < sharedCount {
            if let buffer = sharedBuffer(slot, index) { sink.pointee.buffer = buffer }
        }
        gathers = true
    }

    static func gatherAlone() { gathers = true }

    /// Writes what a worker that has died could not.
    static func rescue(slot: Int) {
        for (index, sink) in all.enumerated() where index < sharedCount {
            guard let buffer = sharedBuffer(slot, index) else { continue }
            write(sink, buffer.lines)
            buffer.clear()
        }
    }

    // MARK: Lines

    /// Appends whole lines. [any thread]
    static func append(_ sink: LogSink.Ref, _ lines: Bytes) {
        guard lines.ptr != nil else { return }
        pthread_mutex_lock(cs_log_lock())
        defer { pthread_mutex_unlock(cs_log_lock()) }
        if sink.pointee.buffer.length + lines.count > LogBuffer.capacity { flush(sink) }
        guard lines.count <= LogBuffer.capacity else { return write(sink, lines) }
        sink.pointee.buffer.append(lines)
        guard gathers else { return flush(sink) }
        if waitingSince == 0 {
            cs_store(&waitingSince, Worker.isLoopThread ? theWorkerIfAny?.pointee.now ?? 1 : Clock.now())
        }
        // A pipe takes at most so much in one piece; whole lines only.
        if sink.pointee.kind.isPipe, sink.pointee.buffer.length >= 2048 { flush(sink) }
    }

    static func flushAll() {
        for sink in writeAll() {
            ErrorLog.write(
                .warn, code: "APUS1602", "log lines for \(sink.pointee.target.string) are lost: it takes no more; a reader that is too slow, or a full disk")
        }
    }

    /// Writes what waits. Returns the targets that lost something since the last time.
    private static func writeAll() -> [LogSink.Ref] {
        pthread_mutex_lock(cs_log_lock())
        defer { pthread_mutex_unlock(cs_log_lock()) }
        cs_store(&waitingSince, 0)
        for sink in all where sink.pointee.buffer.length > 0 { flush(sink) }
        // Told again only after a while: a reader that stands still stands still for long.
        let now = theWorkerIfAny?.pointee.now ?? 0
        guard now - lastWarning > warningPause else { return [] }
        let losers = all.filter { $0.pointee.dropped > 0 }
        if !losers.isEmpty { lastWarning = now }
        for sink in losers { sink.pointee.dropped = 0 }
        return losers
    }

    private static func flush(_ sink: LogSink.Ref) {
        write(sink, sink.pointee.buffer.lines)
        sink.pointee.buffer.clear()
    }

    private static func write(_ sink: LogSink.Ref, _ bytes: Bytes) {
        if case .system(let log) = sink.pointee.kind {
            if !log.send(bytes, &sink.pointee.fd) { sink.pointee.dropped += 1 }
            return
        }
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

extension LogSink {
    /// What `LogSinks.adopt` makes the same kind of again.
    var note: String {
        switch kind {
        case .file: "file"
        case .pipe: "pipe"
        case .system(let log): log.target
        }
    }
}
