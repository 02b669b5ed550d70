import CSystem
import Glibc
import ModuleKit

/// A program that runs for a request, and the pipes to it.
final class ScriptProcess: @unchecked Sendable {
    /// Ends on this side, without blocking; -1: closed.
    private(set) var input: Int32 = -1
    private(set) var output: Int32 = -1
    private(set) var errors: Int32 = -1

    private var theirs: (input: Int32, output: Int32, errors: Int32) = (-1, -1, -1)
    private var pid: pid_t = 0
    /// The error that starting it failed with.
    private(set) var failure: Int32 = 0
    /// Not zero: nobody wants it any more. Set by the loop, read by the thread that starts it.
    private let isUnwanted = UnsafeMutablePointer<Int64>.allocate(capacity: 1)

    /// Soft and hard, as RLimitCPU, RLimitMEM and RLimitNPROC say.
    private let cpu, memory, processes: (Int64, Int64)
    private let path: UnsafeMutablePointer<CChar>
    private let directory: UnsafeMutablePointer<CChar>
    private let arguments: CStringArray
    private let environment: CStringArray

    init(_ request: Request) throws {
        isUnwanted.initialize(to: 0)
        cpu = (request.number(APUS_R_LIMIT_CPU_SOFT), request.number(APUS_R_LIMIT_CPU_HARD))
        memory = (request.number(APUS_R_LIMIT_MEMORY_SOFT), request.number(APUS_R_LIMIT_MEMORY_HARD))
        processes = (request.number(APUS_R_LIMIT_PROCESSES_SOFT), request.number(APUS_R_LIMIT_PROCESSES_HARD))
        let file = request.filename
        let name = file.lastComponent
        path = strdup(file.string)
        directory = strdup(file.upTo(max(1, file.count - name.count)).string)
        let words = CStringArray()
        words.append(name)
        Self.indexWords(request).forEach { words.append($0) }
        arguments = words
        let variables = CStringArray()
        request.eachCGIVariable { variables.append(name: $0, value: $1) }
        environment = variables
        try openPipes()
    }

    deinit {
        closeAll()
        free(path)
        free(directory)
        isUnwanted.deallocate()
    }

    /// A query without `=` is a list of words for the command line (RFC 3875, 4.4).
    private static func indexWords(_ request: Request) -> [Bytes] {
        let query = request.query
        guard !query.isEmpty, !query.contains(UInt8(ascii: "=")), request.method == "GET" || request.method == "HEAD" else {
            return []
        }
        var words: [Bytes] = []
        var rest = query
        while words.count < 256 {
            let end = rest.firstIndex(of: UInt8(ascii: "+")) ?? rest.count
            let word = rest.upTo(end)
            words.append(shellSafe(request.pool.percentDecoded(word) ?? word, request.pool))
            guard end < rest.count else { break }
            rest = rest.from(end + 1)
        }
        return words
    }

    /// Programs are known to hand their words to a shell: what would mean something there has a backslash before it.
    private static func shellSafe(_ word: Bytes, _ pool: Pool) -> Bytes {
        pool.compose(capacity: word.count * 2) { writer in
            for byte in word.buffer {
                if Bytes("&;`'\"|*?~<>^()[]{}$\\\n").contains(byte) { writer.append("\\") }
                writer.append(byte)
            }
        }
    }

    private func openPipes() throws {
        func pair() throws -> (read: Int32, write: Int32) {
            var fds: [Int32] = [-1, -1]
            guard cs_pipe2(&fds, O_CLOEXEC) == 0 else {
                throw ModuleError("no pipe for a program: \(String(cString: strerror(errno)))", status: .status(503))
            }
            return (fds[0], fds[1])
        }
        let stdin = try pair()
        (theirs.input, input) = (stdin.read, stdin.write)
        let stdout = try pair()
        (output, theirs.output) = (stdout.read, stdout.write)
        let stderr = try pair()
        (errors, theirs.errors) = (stderr.read, stderr.write)
        for fd in [input, output, errors] { _ = fcntl(fd, F_SETFL, O_NONBLOCK) }
    }

    // MARK: Life

    /// Starts it. On a thread of the pool.
    func spawn() -> Status {
        var plan = cs_program()
        plan.path = UnsafePointer(path)
        plan.directory = UnsafePointer(directory)
        plan.input = theirs.input
        plan.output = theirs.output
        plan.errors = theirs.errors
        plan.cpu = cpu
        plan.memory = memory
        plan.processes = processes
        let started = arguments.withPointer { argv in
            environment.withPointer { envp in
                plan.argv = argv
                plan.envp = envp
                return cs_start_program(&plan)
            }
        }
        if started > 0 { pid = started } else { failure = -started }
        for fd in [theirs.input, theirs.output, theirs.errors] { close(fd) }
        theirs = (-1, -1, -1)
        if pid > 0, cs_load(isUnwanted) != 0 { Reaper.endNow(pid) }
        return .declined
    }

    var failureText: String { String(cString: strerror(failure)) }

    /// Nobody wants its answer any more: it is asked to end, and ended if it does not.
    func end() {
        cs_store(isUnwanted, 1)
        closeOwn()
        if pid > 0 { Reaper.end(pid) }
        pid = 0
    }

    /// It has said all: it may go on by itself, and is buried when it ends.
    func release() {
        closeOwn()
        if pid > 0 { Reaper.bury(pid) }
        pid = 0
    }

    func closeInput() {
        if input >= 0 { close(input) }
        input = -1
    }

    func closeErrors() {
        if errors >= 0 { close(errors) }
        errors = -1
    }

    private func closeOwn() {
        closeInput()
        closeErrors()
        if output >= 0 { close(output) }
        output = -1
    }

    private func closeAll() {
        closeOwn()
        for fd in [theirs.input, theirs.output, theirs.errors] where fd >= 0 { close(fd) }
    }
}

/// Strings for execve: a NULL-terminated array of C strings.
final class CStringArray: @unchecked Sendable {
    private var strings: [UnsafeMutablePointer<CChar>?] = []

    deinit { strings.forEach { free($0) } }

    func append(_ text: Bytes) { append(name: .none, value: text) }

    /// NAME=value, or the value alone.
    func append(name: Bytes, value: Bytes) {
        let separator = name.isSet ? 1 : 0
        guard let place = malloc(name.count + value.count + separator + 1) else { return }
        if name.count > 0 { memcpy(place, name.ptr, name.count) }
        if separator > 0 { place.storeBytes(of: UInt8(ascii: "="), toByteOffset: name.count, as: UInt8.self) }
        if value.count > 0 { memcpy(place + name.count + separator, value.ptr, value.count) }
        place.storeBytes(of: 0, toByteOffset: name.count + separator + value.count, as: UInt8.self)
        strings.append(place.assumingMemoryBound(to: CChar.self))
    }

    func withPointer<R>(_ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> R) -> R {
        (strings + [nil]).withUnsafeBufferPointer { body($0.baseAddress.unsafelyUnwrapped) }
    }
}

/// Takes the exit status of programs, so that none stays a zombie, and ends those that nobody waits for.
enum Reaper {
    /// How long a program may take to end when it is asked to.
    private static let patience: UInt64 = 3_000_000
    private static let step: UInt64 = 50_000

    static func end(_ pid: pid_t) {
        if waitpid(pid, nil, WNOHANG) == pid { return }
        kill(pid, SIGTERM)
        watch(pid, left: patience)
    }

    /// For a thread of the pool, which may wait.
    static func endNow(_ pid: pid_t) {
        kill(pid, SIGKILL)
        while waitpid(pid, nil, 0) < 0, errno == EINTR {}
    }

    static func bury(_ pid: pid_t) {
        if waitpid(pid, nil, WNOHANG) != pid { watch(pid, left: nil) }
    }

    /// Looks again and again, ever more seldom; `left`: until it is killed.
    private static func watch(_ pid: pid_t, left: UInt64?, pause: UInt64 = step) {
        let isPlanned = (try? Loop.after(microseconds: pause) {
            if waitpid(pid, nil, WNOHANG) == pid { return }
            guard let left else { return watch(pid, left: nil, pause: min(pause * 2, 5_000_000)) }
            if left <= pause {
                kill(pid, SIGKILL)
                return watch(pid, left: nil)
            }
            watch(pid, left: left - pause)
        }) != nil
        if !isPlanned { kill(pid, SIGKILL) }
    }
}
