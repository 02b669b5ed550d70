import ByteKit
import CSystem
import Glibc

/// What the processes of a generation tell each other, in shared memory: one slot a worker.
struct Scoreboard {
    private let base: UnsafeMutablePointer<WorkerSlot>
    /// Of several kinds of work, who of the workers does it; see `Lease`.
    let leases: UnsafeMutablePointer<Lease>
    let slotCount: Int
    let accounts: ModuleAccounts

    static let leaseCount = 64

    /// Zeroes: every slot is vacant.
    init?(slots: Int, modules: Int) {
        let leaseBytes = Scoreboard.leaseCount * MemoryLayout<Lease>.stride
        let slotBytes = slots * MemoryLayout<WorkerSlot>.stride
        let size = leaseBytes + slotBytes + ModuleAccounts.size(rows: slots, modules: modules)
        guard let raw = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), raw != MAP_FAILED else {
            return nil
        }
        leases = raw.bindMemory(to: Lease.self, capacity: Scoreboard.leaseCount)
        base = (raw + leaseBytes).bindMemory(to: WorkerSlot.self, capacity: slots)
        slotCount = slots
        accounts = ModuleAccounts(raw + leaseBytes + slotBytes, rows: slots, modules: modules)
    }

    func slot(_ index: Int) -> WorkerSlot.Ref { base + index }

    /// A slot that no process uses.
    func vacantSlot() -> Int? { (0..<slotCount).first { base[$0].state == WorkerSlot.State.vacant.rawValue } }

    /// Whether this worker has so many more connections than the others that they should take the next.
    func hasMoreThanItsShare(_ own: WorkerSlot.Ref) -> Bool {
        let mine = cs_load(&own.pointee.connections)
        guard mine >= 8 else { return false }
        let (total, serving) = count()
        return serving > 1 && mine * serving * 4 > total * 5
    }

    /// Whether it has no more than the mean.
    func hasAtMostItsShare(_ own: WorkerSlot.Ref) -> Bool {
        let mine = cs_load(&own.pointee.connections)
        guard mine > 0 else { return true }
        let (total, serving) = count()
        return mine * serving <= total
    }

    /// Connections of the workers that serve, and how many those are.
    private func count() -> (connections: Int64, workers: Int64) {
        var total: Int64 = 0
        var serving: Int64 = 0
        for index in 0..<slotCount where cs_load(&base[index].state) == WorkerSlot.State.serving.rawValue {
            total += cs_load(&base[index].connections)
            serving += 1
        }
        return (total, serving)
    }
}

/// A worker's own part of the scoreboard: written by that worker, but for what the leader does before its fork and after
/// its end. Aligned words, so that readers see old values or new ones.
struct WorkerSlot {
    typealias Ref = UnsafeMutablePointer<WorkerSlot>

    enum State: Int64 {
        case vacant, starting, serving
        /// Takes no more connections and ends when those it has are closed.
        case draining
    }

    var state: Int64 = 0
    var process: Int64 = 0
    /// Microseconds since 1970.
    var started: Int64 = 0
    /// Open now; accepted and requests answered since the start.
    var connections: Int64 = 0
    var accepted: Int64 = 0
    var requests: Int64 = 0
    /// Changes with each turn of the loop.
    var beat: Int64 = 0
    /// Whose callback the loop runs.
    var activity = cs_activity()
    /// The line of the request that was begun last, cut to the room there is.
    var requestLength: Int64 = 0
    var request = InlineArray<120, UInt8>(repeating: 0)
    var crash = cs_crash()
}

extension UnsafeMutablePointer where Pointee == WorkerSlot {
    /// Where it tells whose callback runs.
    var activity: UnsafeMutablePointer<cs_activity> { part(\.activity) }
    var crash: UnsafeMutablePointer<cs_crash> { part(\.crash) }

    private func part<Part>(_ path: PartialKeyPath<WorkerSlot>) -> UnsafeMutablePointer<Part> {
        let offset = MemoryLayout<WorkerSlot>.offset(of: path).unsafelyUnwrapped
        return (UnsafeMutableRawPointer(self) + offset).assumingMemoryBound(to: Part.self)
    }

    func enter(_ state: WorkerSlot.State) { cs_store(&pointee.state, state.rawValue) }

    @inline(__always)
    func countRequest() { cs_store(&pointee.requests, pointee.requests &+ 1) }

    /// Notes the request that is begun.
    @inline(__always)
    func begin(_ line: Bytes) {
        let count = min(line.count, 120)
        guard count > 0, let source = line.ptr else { return }
        _ = withUnsafeMutableBytes(of: &pointee.request) { memcpy($0.baseAddress.unsafelyUnwrapped, source, count) }
        cs_store(&pointee.requestLength, Int64(count))
    }
}

/// A kind of work that one worker does for all: who holds it, and until when. One word, changed by compare-and-exchange:
/// the slot + 1 in the low 16 bits, above it the monotonic second after which it is anybody's.
struct Lease {
    var word: Int64 = 0

    static let seconds: Int64 = 5

    /// Takes or renews the lease for a slot. True: it holds it now.
    static func hold(_ lease: UnsafeMutablePointer<Lease>, slot: Int, now: Int64) -> Bool {
        let seen = cs_load(&lease.pointee.word)
        let holder = seen & 0xffff
        let second = now / 1_000_000
        guard holder == 0 || holder == Int64(slot + 1) || seen >> 16 < second else { return false }
        return cs_compare_exchange(&lease.pointee.word, seen, (second + seconds) << 16 | Int64(slot + 1)) != 0
    }

    /// Lets somebody else take it at once.
    static func release(_ lease: UnsafeMutablePointer<Lease>, slot: Int) {
        let seen = cs_load(&lease.pointee.word)
        if seen & 0xffff == Int64(slot + 1) { _ = cs_compare_exchange(&lease.pointee.word, seen, 0) }
    }
}
