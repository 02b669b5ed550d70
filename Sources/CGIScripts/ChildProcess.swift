import CSystem
import Glibc
public import ModuleKit

/// What is to be run, and in what surroundings.
public struct ProgramPlan {
    /// Absolute.
    let path: Bytes
    let directory: Bytes
    let arguments: CStringArray
    let environment: ProgramEnvironment
    /// Soft and hard, as RLimitCPU, RLimitMEM and RLimitNPROC say.
    fileprivate let cpu, memory, processes: (Int64, Int64)

    /// - Parameters:
    ///   - arguments: the program's name and what follows it.
    ///   - request: whose limits for programs hold.
    public init(
        _ path: Bytes, _ arguments: [Bytes], in directory: Bytes, _ environment: ProgramEnvironment, limitsOf request: Request
    ) {
        self.path = path
        self.directory = directory
        let words = CStringArray()
        arguments.forEach { words.append(name: .none, value: $0) }
        self.arguments = words
        self.environment = environment
        cpu = (request.number(APUS_R_LIMIT_CPU_SOFT), request.number(APUS_R_LIMIT_CPU_HARD))
        memory = (request.number(APUS_R_LIMIT_MEMORY_SOFT), request.number(APUS_R_LIMIT_MEMORY_HARD))
        processes = (request.number(APUS_R_LIMIT_PROCESSES_SOFT), request.number(APUS_R_LIMIT_PROCESSES_HARD))
    }
}

/// The environment of a program: what it is given here, and nothing of the server's own.
public final class ProgramEnvironment {
    let strings = CStringArray()

    public init() {}

    /// What a CGI program is told of a request (RFC 3875, 4.1).
    public init(of request: Request) { request.eachCGIVariable { append($0, $1) } }

    /// In names, bytes that no variable of a shell may have become underscores; values with a NUL are left out.
    public func append(_ name: Bytes, _ value: Bytes) {
        guard !name.isEmpty, !value.contains(0) else { return }
        var plain = name.buffer.map { $0.isDigit || $0.asciiLowercased &- 0x61 < 26 ? $0 : UInt8(ascii: "_") }
        if plain[0].isDigit { plain[0] = UInt8(ascii: "_") }
        plain.withUnsafeBytes { strings.append(name: Bytes($0), value: value) }
    }
}

/// A program that runs for a request, and the pipes to it.
final class ChildProcess: @unchecked Sendable {
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

    private let plan: ProgramPlan
    private let path: UnsafeMutablePointer<CChar>
    private let directory: UnsafeMutablePointer<CChar>

    init(_ plan: ProgramPlan) throws {
        self.plan = plan
        isUnwanted.initialize(to: 0)
        path = strdup(plan.path.string)
        directory = strdup(plan.directory.string)
        try openPipes()
    }

    deinit {
        closeAll()
        free(path)
        free(directory)
        isUnwanted.deallocate()
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
        var program = cs_program()
        program.path = UnsafePointer(path)
        program.directory = UnsafePointer(directory)
        program.input = theirs.input
        program.output = theirs.output
        program.errors = theirs.errors
        program.cpu = plan.cpu
        program.memory = plan.memory
        program.processes = plan.processes
        let started = plan.arguments.withPointer { argv in
            plan.environment.strings.withPointer { envp in
                program.argv = argv
                program.envp = envp
                return cs_start_program(&program)
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
