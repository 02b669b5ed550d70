import Glibc
import ModuleKit

/// What the leader does to a file before workers use it: it is opened, made if it is not there, and read as a whole, all in
/// a child of its own, because a damaged file can crash whoever reads it. One that is damaged is set aside.
struct Preparation {
    let type: EngineType
    let path: String
    let host: Host
    let shared: SharedFile?

    /// Seconds that reading a file may take.
    static let patience: UInt32 = 60

    /// What the child tells; nothing at all when it crashed.
    private struct Verdict {
        var isDamage: Int32 = 0
        var code: Int32 = 0
        var asWorker: Int32 = 0
    }

    /// - Throws: what is wrong with the path or the rights, and how to mend it.
    func run() throws {
        defer { shared?.trust() }
        guard let verdict = try look(), verdict.isDamage == 0 else {
            try setAside()
            if let again = try look(), again.isDamage == 0 { return try judge(again) }
            throw DirectiveError("\(path) cannot be made: the database fails in a new file, too")
        }
        try judge(verdict)
    }

    /// What can be known without making anything.
    func check() throws {
        var facts = stat()
        if stat(path, &facts) == 0 {
            guard facts.st_mode & S_IFMT == S_IFREG else { throw DirectiveError("\(path) is not a file; name one") }
            return
        }
        guard access(directory, W_OK | X_OK) == 0 else {
            throw DirectiveError("\(path) cannot be made: \(directory): \(String(cString: strerror(errno)))")
        }
    }

    private var directory: String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private func judge(_ verdict: Verdict) throws {
        guard verdict.code != 0 else { return }
        let reason = verdict.code > 0 ? String(cString: strerror(verdict.code)) : "error \(verdict.code) of the database"
        guard verdict.asWorker != 0 else { throw DirectiveError("\(path) cannot be opened: \(reason)") }
        throw DirectiveError(
            "\(path) cannot be opened by the workers' user: \(reason); that user must be able to enter the directory: "
                + "put the file elsewhere, or allow it with chmod o+x \(directory)")
    }

    private func setAside() throws {
        let aside = "\(path).damaged"
        for file in type.files(path) where access(file, F_OK) == 0 {
            guard (file == path ? rename(file, aside) : unlink(file)) == 0 else {
                throw DirectiveError("\(file) is damaged and cannot be set aside: \(String(cString: strerror(errno)))")
            }
        }
        host.log.write(
            .warn, code: "APUS4020",
            "the cache \(path) is damaged or not a file of this type: it is kept as \(aside), and an empty one takes its place")
    }

    /// Has a child look. nil: it crashed, or took too long.
    private func look() throws -> Verdict? {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw DirectiveError(String(cString: strerror(errno))) }
        let child = fork()
        if child == 0 { examine(ends[1]) }
        close(ends[1])
        defer { close(ends[0]) }
        guard child > 0 else { throw DirectiveError("\(path) cannot be looked at: \(String(cString: strerror(errno)))") }
        var verdict = Verdict()
        let length = MemoryLayout<Verdict>.size
        var count = read(ends[0], &verdict, length)
        while count < 0, errno == EINTR { count = read(ends[0], &verdict, length) }
        while waitpid(child, nil, 0) < 0, errno == EINTR {}
        return count == length ? verdict : nil
    }

    // In the child.

    private func examine(_ pipe: Int32) -> Never {
        for number in [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGALRM, SIGTERM, SIGINT] { signal(number, SIG_DFL) }
        var none = sigset_t()
        sigemptyset(&none)
        sigprocmask(SIG_SETMASK, &none, nil)
        var noCore = rlimit(rlim_cur: 0, rlim_max: 0)
        setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &noCore)
        alarm(Preparation.patience)
        umask(0o077)
        var verdict = Verdict()
        do throws(EngineProblem) {
            do { try type.open(path, shared).examine() }
            try giveToWorkers()
            verdict.asWorker = 1
            if becomeWorker() { try type.open(path, shared).examine() }
        } catch {
            verdict.isDamage = error.isDamage ? 1 : 0
            verdict.code = error.code == 0 ? EIO : error.code
        }
        _ = write(pipe, &verdict, MemoryLayout<Verdict>.size)
        _exit(0)
    }

    private func giveToWorkers() throws(EngineProblem) {
        for file in type.files(path) where access(file, F_OK) == 0 {
            let descriptor = Glibc.open(file, O_RDWR | O_NOFOLLOW | O_CLOEXEC)
            guard descriptor >= 0 else { throw EngineProblem.system(errno) }
            defer { close(descriptor) }
            guard fchmod(descriptor, 0o600) == 0 else { throw EngineProblem.system(errno) }
            guard geteuid() == 0 else { continue }
            guard fchown(descriptor, host.workerUser, host.workerGroup) == 0 else { throw EngineProblem.system(errno) }
        }
    }

    private func becomeWorker() -> Bool {
        guard geteuid() == 0 else { return false }
        if let entry = getpwuid(host.workerUser) { initgroups(entry.pointee.pw_name, host.workerGroup) } else { setgroups(0, nil) }
        return setgid(host.workerGroup) == 0 && setuid(host.workerUser) == 0
    }
}
