import Glibc
import ModuleKit

/// A text of bounded length in shared memory. Readers may see half of an old one and half of a new one, never more bytes.
struct SharedText: BitwiseCopyable {
    private var length: UInt8 = 0
    private var bytes = InlineArray<95, UInt8>(repeating: 0)

    /// - Parameter fromEnd: of a longer text the end is kept, not the beginning.
    mutating func set(_ text: Bytes, fromEnd: Bool = false) {
        let count = min(text.count, 95)
        let start = fromEnd ? text.count - count : 0
        length = 0
        for index in 0..<count { bytes[index] = text[start + index] }
        length = UInt8(count)
    }

    var string: String {
        let count = min(Int(length), 95)
        return String(decoding: (0..<count).map { bytes[$0] }, as: UTF8.self)
    }
}

/// A request that a worker is at, or was at last.
struct Job: BitwiseCopyable {
    /// Microseconds since 1970; 0: the entry has never been used.
    var begun: Int64 = 0
    /// Microseconds it took; -1: it is not over.
    var took: Int64 = 0
    var bytes: Int64 = 0
    var client = SharedText()
    var host = SharedText()
    var line = SharedText()
    var scheme = SharedText()

    var isActive: Bool { begun > 0 && took < 0 }
}

/// What one worker tells. Written by that worker alone; aligned words, so that readers see old values or new ones.
struct WorkerBoard: BitwiseCopyable {
    var pid: Int64 = 0
    var started: Int64 = 0
    var generation: Int64 = 0
    var connections: Int64 = 0
    var accepted: Int64 = 0
    var busy: Int64 = 0
    var requests: Int64 = 0
    var bytes: Int64 = 0
    /// Microseconds.
    var duration: Int64 = 0
    var userTime: Int64 = 0
    var systemTime: Int64 = 0
    /// Answers by the first digit of their status.
    var classes = InlineArray<6, Int64>(repeating: 0)
    /// Answers that took no longer than each of `Board.bounds`, and all.
    var histogram = InlineArray<12, Int64>(repeating: 0)
}

/// What is told of one virtual host: counted by all workers into parts of their own.
struct HostBoard: BitwiseCopyable {
    var requests: Int64 = 0
    var bytes: Int64 = 0
    var duration: Int64 = 0
    var classes = InlineArray<6, Int64>(repeating: 0)
    var histogram = InlineArray<12, Int64>(repeating: 0)
}

/// What all workers tell each other, in memory that they share.
final class Board {
    /// Seconds; the histogram's upper bounds.
    static let bounds: [Double] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5]
    static let jobs = 64
    /// Virtual hosts that are counted one by one; the others are counted together.
    static let hostLimit = 256

    let host: Host
    let opened: Int64
    private(set) var workers = 1
    private(set) var hosts = 1
    private var base: UnsafeMutableRawPointer?
    private var own: UnsafeMutablePointer<WorkerBoard>?
    private var index = 0
    private var lastJob = -1
    private var lastUsage: Int64 = 0
    /// ExtendedStatus and SeeRequestTail.
    private(set) var showsRequests = true
    private var showsTails = false

    init(_ host: Host) {
        self.host = host
        opened = host.clock
    }

    // MARK: Memory

    private var stride: Int {
        MemoryLayout<WorkerBoard>.stride + Self.jobs * MemoryLayout<Job>.stride + hosts * MemoryLayout<HostBoard>.stride
    }

    func open() throws {
        workers = max(1, host.workerCount)
        hosts = min(host.servers.count, Self.hostLimit)
        showsRequests = host.showsRequests
        showsTails = host.showsRequestTails
        base = try host.sharedMemory("board", bytes: workers * stride).baseAddress
    }

    private func part(_ worker: Int) -> UnsafeMutableRawPointer? { base.map { $0 + worker * stride } }

    func worker(_ index: Int) -> UnsafeMutablePointer<WorkerBoard>? {
        part(index)?.assumingMemoryBound(to: WorkerBoard.self)
    }

    func job(_ worker: Int, _ index: Int) -> UnsafeMutablePointer<Job>? {
        part(worker).map { ($0 + MemoryLayout<WorkerBoard>.stride).assumingMemoryBound(to: Job.self) + index }
    }

    func virtualHost(_ worker: Int, _ index: Int) -> UnsafeMutablePointer<HostBoard>? {
        let offset = MemoryLayout<WorkerBoard>.stride + Self.jobs * MemoryLayout<Job>.stride
        return part(worker).map { ($0 + offset).assumingMemoryBound(to: HostBoard.self) + index }
    }

    /// What all workers count of a virtual host.
    func total(ofHost index: Int) -> HostBoard {
        var total = HostBoard()
        for worker in 0..<workers {
            guard let part = virtualHost(worker, index)?.pointee else { continue }
            total.requests += part.requests
            total.bytes += part.bytes
            total.duration += part.duration
            for kind in 0..<6 { total.classes[kind] += part.classes[kind] }
            for bucket in 0..<12 { total.histogram[bucket] += part.histogram[bucket] }
        }
        return total
    }

    /// The requests that are at work and those that were last, of all workers.
    var allJobs: [Job] {
        (0..<workers).flatMap { worker in
            (0..<Self.jobs).compactMap { job(worker, $0)?.pointee }.filter { $0.begun > 0 }
        }
    }

    // MARK: What this worker tells

    func enter() {
        index = max(0, min(host.worker, workers - 1))
        own = worker(index)
        own?.pointee.pid = Int64(getpid())
        own?.pointee.started = host.clock
        own?.pointee.generation = host.generation
        own?.pointee.connections = 0
        own?.pointee.busy = 0
        for job in 0..<Self.jobs where self.job(index, job)?.pointee.isActive == true {
            self.job(index, job)?.pointee.took = 0
        }
    }

    func countConnection(_ change: Int64) {
        own?.pointee.connections += change
        if change > 0 { own?.pointee.accepted += 1 }
    }

    /// Connections that end are counted, too.
    func onClose() throws {
        let fn: @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?) -> Void = { ctx, _ in
            Unmanaged<Board>.fromOpaque(ctx.unsafelyUnwrapped)._withUnsafeGuaranteedRef { $0.countConnection(-1) }
        }
        try host.hooks.register(
            "close_connection", "v(xC)", .middle, unsafeBitCast(fn, to: apus_fn.self), self)
    }

    func begin(_ request: Request) {
        guard let own else { return }
        own.pointee.busy += 1
        guard showsRequests else { return }
        guard let job = vacantJob() else { return }
        job.pointee.client.set(request.peerAddress)
        job.pointee.host.set(request.server.name)
        job.pointee.line.set(request.requestLine, fromEnd: showsTails)
        job.pointee.scheme.set(request.protocolName)
        job.pointee.took = -1
        job.pointee.begun = request.number(APUS_R_TIME_US)
        request.slot = UnsafeMutableRawPointer(job)
    }

    /// In turn, so that what was answered last can be seen for a while. Nil: as many requests as there is room for are at work.
    private func vacantJob() -> UnsafeMutablePointer<Job>? {
        for _ in 0..<Self.jobs {
            lastJob = (lastJob + 1) % Self.jobs
            if let job = job(index, lastJob), !job.pointee.isActive { return job }
        }
        return nil
    }

    func end(_ request: Request) {
        guard let own else { return }
        if own.pointee.busy > 0 { own.pointee.busy -= 1 }
        let took = max(0, host.clock - request.number(APUS_R_TIME_US))
        let bytes = request.number(APUS_R_BYTES_SENT)
        let kind = min(max(request.status / 100, 0), 5)
        own.pointee.requests += 1
        own.pointee.bytes += bytes
        own.pointee.duration += took
        own.pointee.classes[kind] += 1
        let bucket = Self.bounds.firstIndex { Double(took) <= $0 * 1_000_000 } ?? Self.bounds.count
        own.pointee.histogram[bucket] += 1
        if let counted = virtualHost(index, min(request.server.index, hosts - 1)) {
            counted.pointee.requests += 1
            counted.pointee.bytes += bytes
            counted.pointee.duration += took
            counted.pointee.classes[kind] += 1
            counted.pointee.histogram[bucket] += 1
        }
        finishJob(of: request, took, bytes)
        noteUsage()
    }

    /// The job was noted on the request that came; an internal redirect may have put another in its place.
    private func finishJob(of request: Request, _ took: Int64, _ bytes: Int64) {
        var first = request
        while let before = first.previous { first = before }
        guard let job = first.slot?.assumingMemoryBound(to: Job.self) else { return }
        job.pointee.bytes = bytes
        job.pointee.took = took
    }

    /// The processor's time, once a second at most: it is asked of the system.
    private func noteUsage() {
        guard host.now - lastUsage > 1_000_000 else { return }
        lastUsage = host.now
        var usage = rusage()
        guard getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return }
        own?.pointee.userTime = Int64(usage.ru_utime.tv_sec) * 1_000_000 + Int64(usage.ru_utime.tv_usec)
        own?.pointee.systemTime = Int64(usage.ru_stime.tv_sec) * 1_000_000 + Int64(usage.ru_stime.tv_usec)
    }
}
