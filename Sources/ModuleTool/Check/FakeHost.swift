import ByteKit
import CSystem
import Glibc
import ModuleABI
import ModuleABI.Draft

/// The host that a module is tried in, in a process of its own. There is one in each trial.
nonisolated(unsafe) var theFake: FakeHost!

/// A strict host: it takes nothing for granted that the contract does not say, and tells what the module does against it.
final class FakeHost {
    /// Where a function may be called, as the headers tag it.
    enum Place {
        case main, conn, req, any
    }

    enum Phase {
        case attach, configuration, open, serving, ending
    }

    /// What a module registered.
    struct Hook {
        let name: String
        let signature: String
        let position: Int32
        let flags: UInt32
        let fn: apus_fn
        let ctx: UnsafeMutableRawPointer?
    }

    struct Provider {
        let group: String
        let name: String
        let table: UnsafeRawPointer
        let ctx: UnsafeMutableRawPointer?
    }

    struct Value {
        enum Kind { case variable, function, list, `operator` }
        let kind: Kind
        let name: String
        let fn: UnsafeRawPointer?
        let ctx: UnsafeMutableRawPointer?
    }

    let record: SharedRecord
    private let output: Int32
    let host: UnsafeMutablePointer<apus_host>
    var phase = Phase.attach
    /// Pools are plain memory: for counting what is not given back.
    var isLight = false
    /// How many allocations or registrations still succeed before all are refused; nil: all succeed.
    var allocationsLeft: Int?
    var registrationsLeft: Int?
    private(set) var refused = 0
    /// The ids that this host offers; nil: all.
    var offered: Set<String>?
    var declared: Set<String> = []
    private(set) var uses: Set<String> = []

    private let loopThread = pthread_self()
    /// The pool thread that a request is lent to.
    var lentThread: pthread_t?
    private var lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private var told: Set<String> = []

    private var objects: [OpaquePointer: AnyObject] = [:]
    private var gone: [OpaquePointer: String] = [:]
    private let handles: UnsafeMutableRawPointer
    private var nextHandle = 1
    private static let handleBytes = 16 << 20

    var servers: [FakeServer] = []
    var tasks = FakeTasks()
    var hooks: [Hook] = []
    var filters: [apus_filter_reg] = []
    var providers: [Provider] = []
    var values: [Value] = []
    var functions: [String: (signature: String, link: apus_link)] = [:]
    var declaredHooks: [String: FakeThing] = [:]
    var handover: [String: [UInt8]] = [:]
    var currentMaySuspend = false
    var activeFilter: FakeFilter?
    var madeShared = false
    private(set) var lastLog = ""
    private(set) lazy var configurationPool = FakePool("the configuration")

    init(_ record: SharedRecord, output: Int32) {
        self.record = record
        self.output = output
        handles = mmap(nil, FakeHost.handleBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)!
        _ = record.add(start: UInt(bitPattern: handles), end: UInt(bitPattern: handles + FakeHost.handleBytes), label: "a handle", state: 3)
        host = UnsafeMutablePointer<apus_host>.allocate(capacity: 1)
        var attributes = pthread_mutexattr_t()
        pthread_mutexattr_init(&attributes)
        pthread_mutexattr_settype(&attributes, Int32(PTHREAD_MUTEX_RECURSIVE))
        pthread_mutex_init(lock, &attributes)
    }

    /// What needs the global to be set.
    func start() {
        let poison = UnsafeMutableRawPointer(bitPattern: UInt(bitPattern: handles) + UInt(FakeHost.handleBytes) - 64)
        host.initialize(
            to: apus_host(
                size: UInt32(MemoryLayout<apus_host>.size), abi_major: UInt16(APUS_ABI_MAJOR), abi_minor: UInt16(APUS_ABI_MINOR),
                self: poison, extension: { _, id in
                    theFake.call("host.extension", .any) { theFake.table(id) }
                }))
        servers = [FakeServer(0, configurationPool), FakeServer(1, configurationPool)]
    }

    private func table(_ id: UnsafePointer<CChar>?) -> UnsafeRawPointer? {
        guard let id else { return nil }
        let name = String(cString: id)
        if let offered, !offered.contains(name) { return nil }
        return FakeTables.table(name)
    }

    // MARK: Telling

    func report(_ severity: Finding.Severity, _ code: String, _ text: String) {
        guard told.insert("\(code) \(text)").inserted else { return }
        send("\(severity.rawValue)\u{1f}\(code)\u{1f}\(record.stageText)\u{1f}\(text)")
    }

    /// Something for the head of the verdict.
    func fact(_ name: String, _ value: String) { send("fact\u{1f}\(name)\u{1f}\u{1f}\(value)") }

    private func send(_ line: String) {
        var line = String(decoding: line.utf8.map { $0 == 10 ? 32 : $0 }, as: UTF8.self) + "\n"
        line.withUTF8 { _ = write(output, $0.baseAddress, $0.count) }
    }

    func stage(_ text: String) { record.setStage(text) }

    // MARK: Calls from the module

    /// Every function of every table goes through here: who calls it, where from, and whether it was declared.
    func call<R>(_ name: StaticString, _ place: Place, _ body: () -> R) -> R {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        let text = "\(name)"
        if uses.insert(text).inserted { declare(text) }
        checkThread(text, place)
        return body()
    }

    private func declare(_ name: String) {
        let part = name.split(separator: ".")[0]
        guard part != "host", !declared.contains(FakeHost.id(part)) else { return }
        report(.warning, "undeclared-extension", "uses \(FakeHost.id(part)) without naming it in its descriptor")
    }

    private func checkThread(_ name: String, _ place: Place) {
        let here = pthread_self()
        switch place {
        case .any: return
        case .main, .conn:
            if here != loopThread { report(.error, "wrong-thread", "called \(name) on a thread of its own or of the pool; it is [\(place == .main ? "main" : "conn")]") }
        case .req:
            if here != loopThread, here != lentThread { report(.error, "wrong-thread", "called \(name) on a thread that the request was not lent to; it is [req]") }
        }
        if place == .main, phase == .serving { report(.error, "wrong-thread", "called \(name) while requests are served; it is [main], for the time before") }
    }

    var usedIds: [String] { Set(uses.map { $0.split(separator: ".")[0] }).filter { $0 != "host" }.map { FakeHost.id($0) }.sorted() }

    private static let drafts = [APUS_EXT_HANDOVER, APUS_EXT_INSPECT, APUS_EXT_PROGRAM, APUS_EXT_TIMEOUTS, APUS_EXT_UPGRADE, APUS_EXT_WIRE]

    private static func id(_ part: Substring) -> String { drafts.first { $0.hasPrefix("apus.\(part)/") } ?? "apus.\(part)/1" }

    // MARK: Handles

    func handle(for object: AnyObject, _ label: String) -> OpaquePointer {
        let handle = OpaquePointer(handles + nextHandle * 16)
        nextHandle = nextHandle % (FakeHost.handleBytes / 16 - 64) + 1
        objects[handle] = object
        gone[handle] = nil
        return handle
    }

    func drop(_ handle: OpaquePointer, _ label: String) {
        objects[handle] = nil
        if !isLight { gone[handle] = label }
    }

    /// The object behind a handle; nil, and told: it is another's, or has gone.
    func object<T: AnyObject>(_ handle: OpaquePointer?, _ type: T.Type, _ name: StaticString) -> T? {
        guard let handle else {
            report(.error, "wrong-handle", "called \(name) with NULL")
            return nil
        }
        if let object = objects[handle] as? T { return object }
        if let label = gone[handle] {
            report(.error, "stale-handle", "called \(name) with \(label) that has ended")
        } else {
            report(.error, "wrong-handle", "called \(name) with something that is no such handle")
        }
        return nil
    }

    /// The connection that a token names, as long as it is there.
    func connection(_ token: apus_token) -> OpaquePointer? {
        objects.first { ($0.value as? FakeConnection)?.token == token }?.key
    }

    // MARK: Refusals

    func refusesAllocation() -> Bool {
        guard let left = allocationsLeft else { return false }
        allocationsLeft = max(left - 1, 0)
        if left == 0 { refused += 1 }
        return left == 0
    }

    func refusesRegistration() -> Bool {
        guard let left = registrationsLeft else { return false }
        registrationsLeft = max(left - 1, 0)
        if left == 0 { refused += 1 }
        return left == 0
    }

    func noteLog(_ message: String) { lastLog = message }

    // MARK: Texts

    func text(_ bytes: apus_str) -> String { bytes.len == 0 || bytes.ptr == nil ? "" : bytes.string }

    func bytes(_ bytes: apus_str) -> [UInt8] { bytes.len == 0 || bytes.ptr == nil ? [] : Array(bytes.buffer) }

    func strings(_ list: UnsafePointer<UnsafePointer<CChar>?>?) -> [String] {
        guard var next = list else { return [] }
        var found: [String] = []
        while let text = next.pointee {
            found.append(String(cString: text))
            next += 1
        }
        return found
    }
}

/// Tasks, timers, descriptors and calls from other threads: the loop of the fake host.
final class FakeTasks {
    enum State { case taken, suspended, resumed(apus_status), cancelled }

    final class Task {
        let id: apus_task
        let request: FakeRequest?
        let cancel: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?
        let ctx: UnsafeMutableRawPointer?
        var state = State.taken

        init(_ id: apus_task, _ request: FakeRequest?, _ cancel: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?, _ ctx: UnsafeMutableRawPointer?) {
            self.id = id
            self.request = request
            self.cancel = cancel
            self.ctx = ctx
        }
    }

    private var nextId: UInt64 = 0x1_0000_0001
    private var all: [apus_task: Task] = [:]
    private var timers: [(id: UInt64, due: UInt64, connection: FakeConnection?, fn: () -> Void)] = []
    private var watched: [Int32: (mask: UInt32, fn: (UInt32) -> Void)] = [:]
    private var posted: [() -> Void] = []
    private var working = 0
    var waiting: [(request: FakeRequest, fn: () -> Void)] = []

    func take(_ request: FakeRequest?, _ cancel: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?, _ ctx: UnsafeMutableRawPointer?) -> Task {
        let task = Task(nextId, request, cancel, ctx)
        nextId += 0x1_0000_0001
        all[task.id] = task
        return task
    }

    /// The task that the hook at hand took, if it did.
    func pending(_ request: FakeRequest) -> Task? {
        all.values.first { task in
            guard task.request === request else { return false }
            switch task.state {
            case .taken, .suspended: return true
            case .resumed, .cancelled: return false
            }
        }
    }

    func resumed(_ request: FakeRequest) -> Task? {
        all.values.filter { $0.request === request }.max { $0.id < $1.id }
    }

    func resume(_ id: apus_task, _ status: apus_status) -> apus_status {
        guard let task = all[id] else {
            theFake.report(.error, "stale-handle", "resumed a task that there never was")
            return APUS_E_STALE
        }
        switch task.state {
        case .taken, .suspended:
            task.state = .resumed(status)
            return APUS_OK
        case .resumed:
            theFake.report(.error, "resumed-twice", "resumed a task a second time")
            return APUS_E_STALE
        case .cancelled:
            // A race that the contract allows: it is answered STALE.
            return APUS_E_STALE
        }
    }

    /// The request is over and forgotten: for counting what is left behind.
    func forget(_ request: FakeRequest) {
        let ended = all.filter { $0.value.request === request }.map(\.key)
        for id in ended { all[id] = nil }
    }

    /// The client goes away.
    func cancel(_ request: FakeRequest) {
        waiting.removeAll { $0.request === request }
        for task in all.values where task.request === request {
            if case .resumed = task.state { continue }
            if case .cancelled = task.state { continue }
            task.state = .cancelled
            task.cancel?(task.ctx)
        }
        awaitHold(of: request)
    }

    /// Who took a task while it was told holds the request until it resumes that.
    private func awaitHold(of request: FakeRequest) {
        guard let hold = pending(request) else { return }
        hold.state = .suspended
        for _ in 0..<3000 {
            if case .resumed = hold.state { return }
            if !turn() { break }
        }
        if case .resumed = hold.state { return }
        theFake.report(.error, "never-resumed", "holds a request that was cancelled, and never lets it go")
    }

    func runBlocking(_ id: apus_task, _ fn: @escaping @convention(c) (UnsafeMutableRawPointer?) -> apus_status, _ ctx: UnsafeMutableRawPointer?) -> apus_status {
        // Task 0: nobody waits for it.
        guard id == 0 || all[id] != nil else { return APUS_E_STALE }
        working += 1
        startThread {
            let status = fn(ctx)
            theFake.call("host.done", .any) {
                theFake.tasks.working -= 1
                if id != 0 { theFake.tasks.posted.append { _ = theFake.tasks.finish(id, status) } }
            }
        }
        return APUS_OK
    }

    /// As `resume` for work on the pool: a request that has gone meanwhile is nobody's mistake.
    private func finish(_ id: apus_task, _ status: apus_status) -> Bool {
        if case .cancelled? = all[id]?.state { return false }
        return resume(id, status) == APUS_OK
    }

    func addTimer(_ connection: FakeConnection?, _ us: UInt64, _ fn: @escaping () -> Void) -> UInt64 {
        nextId += 1
        timers.append((nextId, now() + us, connection, fn))
        return nextId
    }

    func cancelTimer(_ id: UInt64) { timers.removeAll { $0.id == id } }
    func dropTimers(of connection: FakeConnection) { timers.removeAll { $0.connection === connection } }
    func watch(_ fd: Int32, _ mask: UInt32, _ fn: @escaping (UInt32) -> Void) { watched[fd] = (mask, fn) }
    func unwatch(_ fd: Int32) { watched[fd] = nil }
    func post(_ fn: @escaping () -> Void) { posted.append(fn) }

    /// One round of the loop. Long timers are let expire early: nobody wants to wait for a check.
    /// - Returns: false when there is nothing left that could happen.
    func turn() -> Bool {
        let calls = theFake.call("host.turn", .any) { () -> [() -> Void] in
            defer { posted = [] }
            return posted
        }
        calls.forEach { $0() }
        if !waiting.isEmpty {
            let ready = waiting
            waiting = []
            ready.forEach { $0.fn() }
            return true
        }
        if let first = timers.indices.min(by: { timers[$0].due < timers[$1].due }) {
            // Every timer is due at once when nothing else is at work.
            if timers[first].due <= now() || (working == 0 && watched.isEmpty && calls.isEmpty) {
                timers.remove(at: first).fn()
                return true
            }
        }
        guard watched.isEmpty else {
            var list = watched.map { pollfd(fd: $0.key, events: Int16(($0.value.mask & APUS_FD_READ != 0 ? POLLIN : 0) | ($0.value.mask & APUS_FD_WRITE != 0 ? POLLOUT : 0)), revents: 0) }
            poll(&list, nfds_t(list.count), 20)
            for entry in list where entry.revents != 0 {
                let events = Int32(entry.revents)
                let mask = (events & (POLLIN | POLLHUP) != 0 ? APUS_FD_READ : 0) | (events & POLLOUT != 0 ? APUS_FD_WRITE : 0) | (events & POLLERR != 0 ? APUS_FD_ERROR : 0)
                watched[entry.fd]?.fn(mask)
            }
            return true
        }
        if !calls.isEmpty { return true }
        // Threads of the module may still be at work.
        usleep(2_000)
        // What they have done may have come while this waited.
        return theFake.call("host.turn", .any) { working > 0 || !posted.isEmpty } || cs_thread_count() > 1
    }

    private func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1000
    }
}

/// Runs a body on a new thread, which nobody waits for.
func startThread(_ body: @escaping () -> Void) {
    var thread = pthread_t()
    let box = Unmanaged.passRetained(Body(body))
    pthread_create(&thread, nil, { raw in
        Unmanaged<Body>.fromOpaque(raw!).takeRetainedValue().run()
        return nil
    }, box.toOpaque())
    pthread_detach(thread)
}

final class Body {
    let run: () -> Void
    init(_ run: @escaping () -> Void) { self.run = run }
}
