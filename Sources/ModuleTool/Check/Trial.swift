import CSystem
import ElfKit
import Glibc

/// One part of a check, run in a process of its own: whatever happens there, the next one begins afresh.
struct Trial {
    /// What a process ends with that has called a poisoned slot; it has told so.
    static let poisoned: Int32 = 97
    /// What a process ends with that came to the end of its trial: not 0, which a module may end it with.
    private static let over: Int32 = 96
    private static let patience: Int32 = 10_000

    let name: String
    /// A crash is what is looked for: refused memory.
    var isAboutMemory = false
    /// The optional extension that the host of this trial does not offer.
    var absent: String?
    let body: (Candidate) -> Void

    /// What came out of a trial.
    struct Outcome {
        var findings: [Finding] = []
        var facts: [(name: String, value: String)] = []
    }

    func run(_ module: ModuleFile, _ moduleName: String, _ record: SharedRecord) throws -> Outcome {
        record.clear()
        var ends: [Int32] = [0, 0]
        guard cs_pipe2(&ends, O_CLOEXEC) == 0 else { throw Problem("no pipe: \(String(cString: strerror(errno)))") }
        let child = fork()
        guard child >= 0 else { throw Problem("cannot fork: \(String(cString: strerror(errno)))") }
        if child == 0 {
            close(ends[0])
            perform(module, moduleName, record, ends[1])
        }
        close(ends[1])
        defer { close(ends[0]) }
        let (text, isHanging) = read(ends[0], record)
        if isHanging { kill(child, SIGKILL) }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        var outcome = Trial.parse(text)
        if isHanging {
            outcome.findings.append(Finding(severity: .error, code: "hang", stage: record.stageText, text: "does not come back within \(Trial.patience / 1000) seconds"))
        } else if cs_wait_exited(status) == 0 {
            outcome.findings.append(crash(cs_wait_signal(status), module, record, outcome.facts))
        } else if cs_wait_exit_status(status) != Trial.over, cs_wait_exit_status(status) != Trial.poisoned {
            outcome.findings.append(ending(cs_wait_exit_status(status), module, record, outcome.facts))
        }
        return outcome
    }

    private func perform(_ module: ModuleFile, _ moduleName: String, _ record: SharedRecord, _ output: Int32) -> Never {
        // What it prints is not part of the verdict.
        let nowhere = open("/dev/null", O_RDWR)
        dup2(nowhere, STDIN_FILENO)
        dup2(nowhere, STDOUT_FILENO)
        dup2(nowhere, STDERR_FILENO)
        if nowhere > 2 { close(nowhere) }
        let activity = UnsafeMutablePointer<cs_activity>.allocate(capacity: 1)
        cs_crash_install(record.crash, nil, -1)
        cs_crash_enter_thread(activity)
        var limit = rlimit(rlim_cur: 0, rlim_max: 0)
        setrlimit(__rlimit_resource_t(4), &limit)  // RLIMIT_CORE
        theFake = FakeHost(record, output: output)
        theFake.start()
        body(Candidate(Path.absolute(module.path), moduleName))
        _exit(Trial.over)
    }

    /// Everything that the trial tells, or until it has stayed at one stage for too long.
    private func read(_ descriptor: Int32, _ record: SharedRecord) -> (text: [UInt8], isHanging: Bool) {
        var text: [UInt8] = []
        var stage = ""
        var buffer = [UInt8](repeating: 0, count: 65536)
        var waited: Int32 = 0
        while true {
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let ready = poll(&entry, 1, 500)
            if ready == 0 {
                waited = record.stageText == stage ? waited + 500 : 0
                stage = record.stageText
                if waited >= Trial.patience { return (text, true) }
                continue
            }
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            guard count > 0 else { return (text, false) }
            text += buffer[..<count]
        }
    }

    private static func parse(_ text: [UInt8]) -> Outcome {
        var outcome = Outcome()
        for line in text.split(separator: 10) {
            let parts = line.split(separator: 0x1f, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
            guard parts.count == 4 else { continue }
            if parts[0] == "fact" {
                outcome.facts.append((parts[1], parts[3]))
            } else if let severity = Finding.Severity(rawValue: parts[0]) {
                outcome.findings.append(Finding(severity: severity, code: parts[1], stage: parts[2], text: parts[3]))
            }
        }
        return outcome
    }

    // MARK: Crashes

    private func ending(_ status: Int32, _ module: ModuleFile, _ record: SharedRecord, _ facts: [(name: String, value: String)]) -> Finding {
        let frames = self.frames(record, facts, module)
        return Finding(
            severity: .error, code: "crash", stage: record.stageText,
            text: "ends the process with exit status \(status)" + Trial.place(frames), place: frames.first)
    }

    private func crash(_ signal: Int32, _ module: ModuleFile, _ record: SharedRecord, _ facts: [(name: String, value: String)]) -> Finding {
        let frames = self.frames(record, facts, module)
        let place = Trial.place(frames)
        let stage = record.stageText
        func finding(_ code: String, _ text: String) -> Finding {
            Finding(severity: .error, code: code, stage: stage, text: text + place, place: frames.first)
        }
        if isAboutMemory {
            let isSwift = module.language == .swiftShared || module.language == .swiftStatic
            return Finding(
                severity: isSwift ? .note : .warning, code: "out-of-memory", stage: stage,
                text: "crashes when the host has no memory for it\(place)" + (isSwift ? " (Swift itself ends a process that gets no memory)" : ""),
                place: frames.first)
        }
        if let absent, signal == SIGSEGV, record.crash.pointee.address < 4096 {
            return finding("null-table", "takes it that \(absent) is there, which its descriptor calls optional")
        }
        if signal == SIGSEGV || signal == SIGBUS, let region = record.region(at: record.crash.pointee.address) {
            switch region.state {
            case 1: return finding("use-after-free", "touches \(region.label) when its time is over")
            case 2: return finding("merge-writes", "writes to \(region.label)")
            case 3: return finding("opaque-handle", "looks inside a handle of the host")
            default: return finding("overrun", "reads or writes behind the end of \(region.label)")
            }
        }
        let address = record.crash.pointee.address
        let what = signal == SIGSEGV && address < 4096 ? "uses NULL as a pointer" : "crashes with \(Trial.name(of: signal))"
        return finding("crash", what)
    }

    /// The module's own functions, from the fault outwards.
    private func frames(_ record: SharedRecord, _ facts: [(name: String, value: String)], _ module: ModuleFile) -> [String] {
        guard let base = facts.first(where: { $0.name == "base" }).flatMap({ UInt64($0.value) }), base > 0 else { return [] }
        let tables = SymbolTables()
        let count = min(Int(record.crash.pointee.frame_count), Int(CS_CRASH_FRAMES))
        let all = withUnsafeBytes(of: &record.crash.pointee.frames) { Array($0.bindMemory(to: UInt64.self)[..<count]) }
        // The first two are the handler's own; the one where it faulted stands at the instruction, all others behind a call.
        let faulted = record.crash.pointee.signal != 0 ? 3 : -1
        return all.enumerated().filter { $0.element > base && $0.element - base < UInt64(module.image.size) + (64 << 20) }
            .compactMap { tables.functionName(at: $0.element - base - ($0.offset <= faulted ? 0 : 1), in: module.path) }.prefix(4).map(demangled)
    }

    private static func place(_ frames: [String]) -> String { frames.isEmpty ? "" : ", in \(frames.joined(separator: " < "))" }

    private static func name(of signal: Int32) -> String {
        switch signal {
        case SIGSEGV: "SIGSEGV"
        case SIGABRT: "SIGABRT"
        case SIGILL: "SIGILL (a trap of Swift or Rust)"
        case SIGTRAP: "SIGTRAP (a trap of Swift)"
        case SIGFPE: "SIGFPE"
        case SIGBUS: "SIGBUS"
        default: "signal \(signal)"
        }
    }
}
