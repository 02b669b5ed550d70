import ByteKit
import CSystem
import Glibc
import ModuleABI
import ModuleABI.Draft

/// The state of this process as a server of connections. There is none in a leader or a supervisor.
///
/// Invariant: touched by the loop's thread only, but for what says otherwise.
struct Worker {
    static let readBufferSize = 64 << 10
    static let turnBufferSize = 128 << 10
    static let fileBufferSize = 128 << 10

    /// Microseconds since 1970, as of this turn of the loop. What other threads read must not come first: to the thread
    /// sanitizer a change of any part is one of the first.
    var now: Int64 = 0
    /// The thread of the loop: compared, never joined.
    var loopThread = pthread_self()
    private var dateSecond: Int64 = 0
    private(set) var dateText: Bytes
    /// What the Server field says.
    var serverField = Bytes("Apus")
    /// Which of the workers it is; -1: none, but the process that serves alone.
    var index = -1
    var isDraining = false
    /// Its part of the scoreboard; memory of its own when there is none.
    var slot: WorkerSlot.Ref
    /// Whose callback is running, in which hook: part of the slot.
    let activity: UnsafeMutablePointer<cs_activity>
    var scoreboard: Scoreboard?
    /// What it counts of the modules, and how it measures what their callbacks take.
    let accounts: ModuleAccounts.Row?
    var timing: TurnTiming
    /// How many connections it takes before it makes room for a successor; 0: any number.
    var connectionLimit: Int64 = 0

    var chunks = ChunkStore()
    let readBuffer: UnsafeMutablePointer<UInt8>
    let turnBuffer: UnsafeMutablePointer<UInt8>
    let fileBuffer: UnsafeMutablePointer<UInt8>
    var turnLength = 0
    /// The connection that is being worked on.
    var turn: Connection.Ref?
    /// Counts the turns of the loop.
    var turnNumber: Int64 = 0
    /// A request whose first bytes were there when this turn began, until it is suspended or over: a file that was looked at
    /// in this turn need not be looked at again for it.
    var earlyRequest: Request.Ref?

    let loop = EventLoop()
    var timers: TimerWheel
    var files = FileCache()
    var mergeCache = MergeCache(firstIdentity: 1 << 32)
    var walks = DirectoryWalks()
    let accessFiles = AccessFiles()
    var epochs = Epochs()
    var confsets = ConfsetCache()

    // Frozen when the worker starts.
    var phases: PhaseTable
    var logTransaction: UnsafePointer<FrozenHook>
    var preConnection: UnsafePointer<FrozenHook>
    var processConnection: UnsafePointer<FrozenHook>
    var closeConnection: UnsafePointer<FrozenHook>
    var errorPage: UnsafePointer<FrozenHook>
    var responseHead: UnsafePointer<FrozenHook>
    var hosts: HostTable
    var modules: UnsafeBufferPointer<ModuleLink>
    var prefaces: UnsafeBufferPointer<Preface>
    var taps: UnsafeBufferPointer<Tap>
    var transports: UnsafeBufferPointer<TransportLink>
    var protocols: UnsafeBufferPointer<ProtocolLink>
    /// Whether some module can say who a user is.
    var asksForUsers = false
    /// What Satisfy says for a request, where a module has that directive.
    var satisfies: AccessRules.Satisfies?

    var lastComplaint: Int64 = 0
    var freeConnections: Connection.Ref?
    var connectionCount = 0
    var nextConnectionID: UInt64 = 1

    init(_ runtime: Runtime, hosts: HostTable, slot: WorkerSlot.Ref, accounts: ModuleAccounts.Row? = nil) {
        self.slot = slot
        activity = slot.activity
        self.accounts = accounts
        timing = TurnTiming(slot, accounts)
        func buffer(_ size: Int) -> UnsafeMutablePointer<UInt8> { .allocate(capacity: size) }
        readBuffer = buffer(Worker.readBufferSize)
        turnBuffer = buffer(Worker.turnBufferSize)
        fileBuffer = buffer(Worker.fileBufferSize)
        dateText = Bytes(UnsafeRawPointer(buffer(HTTPDate.length)), count: HTTPDate.length)
        now = Clock.now()
        timers = TimerWheel(now: now)
        phases = PhaseTable(runtime.hooks)
        logTransaction = runtime.hooks[.logTransaction]
        preConnection = runtime.hooks[.preConnection]
        processConnection = runtime.hooks[.processConnection]
        closeConnection = runtime.hooks[.closeConnection]
        errorPage = runtime.hooks[.errorPage]
        responseHead = runtime.hooks[.responseHead]
        self.hosts = hosts
        modules = runtime.moduleLinks()
        prefaces = runtime.prefaces()
        taps = runtime.taps()
        transports = runtime.transportLinks()
        protocols = runtime.protocolLinks()
        asksForUsers = runtime.hooks[.checkUserID].pointee.count > 0 || runtime.hooks[.authChecker].pointee.count > 0
        satisfies = AccessRules.Satisfies(runtime)
        serverField = runtime.serverField()
        setTime(now)
    }

    /// Whether the caller is on the loop's thread, where most of this may be touched.
    static var isLoopThread: Bool {
        @inline(__always) get {
            guard let worker = theWorkerIfAny else { return true }
            return pthread_equal(pthread_self(), worker.pointee.loopThread) != 0
        }
    }

    /// One clock read a turn of the loop; the date's text follows when the second changes.
    @inline(__always)
    mutating func setTime(_ microseconds: Int64) {
        now = microseconds
        let second = microseconds / 1_000_000
        guard second != dateSecond else { return }
        dateSecond = second
        var writer = ByteWriter(UnsafeMutableRawPointer(mutating: dateText.ptr.unsafelyUnwrapped), capacity: HTTPDate.length)
        HTTPDate.write(second, &writer)
    }

    /// A connection finished a request and waits for its next.
    mutating func keptAlive(_ conn: Connection.Ref) { conn.pointee.headSince = 0 }

    /// Whether it was told to leave and has nothing left to do.
    var hasDrained: Bool { isDraining && connectionCount == 0 }

    /// Whether the other workers should take the next connection.
    var hasMoreThanItsShare: Bool { scoreboard?.hasMoreThanItsShare(slot) == true }

    /// Whether it may take another connection before they are asked.
    var hasAtMostItsShare: Bool { scoreboard?.hasAtMostItsShare(slot) != false }
}

/// A transport provider as the accept path uses it.
struct TransportLink {
    var module: Int
    var name: Bytes
    var vtable: UnsafePointer<apus_transport_v0>
    var ctx: UnsafeMutableRawPointer?
}

/// The worker of this process, once there is one.
nonisolated(unsafe) private(set) var theWorkerIfAny: UnsafeMutablePointer<Worker>?

/// The worker of this process. Only for code that runs after `Worker.install`.
var theWorker: UnsafeMutablePointer<Worker> {
    @inline(__always) get { theWorkerIfAny.unsafelyUnwrapped }
}

extension Worker {
    static func install(_ worker: Worker) {
        let place = UnsafeMutablePointer<Worker>.allocate(capacity: 1)
        place.initialize(to: worker)
        theWorkerIfAny = place
    }
}

/// The time.
enum Clock {
    /// Microseconds since some moment in the past: runs on evenly whatever is done to the clock.
    static func monotonic() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) &* 1_000_000 &+ Int64(time.tv_nsec) / 1000
    }

    /// The same in nanoseconds.
    static func nanoseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }

    /// Microseconds since 1970.
    static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) &* 1_000_000 &+ Int64(time.tv_nsec) / 1000
    }
}
