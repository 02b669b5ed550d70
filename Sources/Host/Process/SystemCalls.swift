import CSystem
import Glibc

/// Both ends of a pipe, close-on-exec.
struct Pipe {
    let reading: Int32
    let writing: Int32

    init() throws(SystemProblem) {
        var ends: (Int32, Int32) = (0, 0)
        let status = withUnsafeMutablePointer(to: &ends) {
            $0.withMemoryRebound(to: Int32.self, capacity: 2) { cs_pipe2($0, O_CLOEXEC) }
        }
        guard status == 0 else { throw SystemProblem(errno) }
        (reading, writing) = ends
    }
}

/// Signals that are read like data, by a process or thread that has blocked them.
struct SignalDescriptor {
    let fd: Int32

    /// Blocks the signals; children inherit that.
    init(_ signals: [Int32]) {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in signals { sigaddset(&set, signal) }
        sigprocmask(SIG_BLOCK, &set, nil)
        fd = signalfd(-1, &set, Int32(SFD_CLOEXEC | SFD_NONBLOCK))
    }

    /// Calls `body` for each that has come. `isSent`: a process sent it, not the kernel by itself.
    func read(_ body: (_ signal: Int32, _ isSent: Bool) -> Void) { SignalDescriptor.read(fd, body) }

    static func read(_ fd: Int32, _ body: (_ signal: Int32, _ isSent: Bool) -> Void) {
        var info = signalfd_siginfo()
        while Glibc.read(fd, &info, MemoryLayout<signalfd_siginfo>.size) == MemoryLayout<signalfd_siginfo>.size {
            body(Int32(info.ssi_signo), info.ssi_code <= 0)
        }
    }
}

/// The children of this process, those that it adopted included.
enum ChildProcesses {
    static var all: [pid_t] {
        let fd = open("/proc/self/task/\(getpid())/children", O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { return [] }
        defer { close(fd) }
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        let count = max(read(fd, &bytes, bytes.count), 0)
        return String(decoding: bytes[..<count], as: UTF8.self).split(separator: " ").compactMap { pid_t($0) }
    }
}

extension String {
    /// The directory of an absolute path; "/" for what lies there.
    var directory: String {
        let parts = split(separator: "/").dropLast()
        return parts.isEmpty ? "/" : parts.reduce("") { "\($0)/\($1)" }
    }
}

/// Becomes another program. Returns only when that cannot be; errno says why.
func execute(_ program: String, _ arguments: [String]) {
    var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
    pointers.append(nil)
    execv(program, &pointers)
}
