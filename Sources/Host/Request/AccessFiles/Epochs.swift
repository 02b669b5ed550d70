/// Lets go of configurations of old .htaccess files when the requests that may still read them are over.
///
/// There are two epochs, by turns. Requests are counted in the one they began in. What is retired waits until an epoch that
/// ended after it was retired has no requests left.
struct Epochs {
    private var current = 0
    private let live = {
        let live = UnsafeMutablePointer<Int>.allocate(capacity: 2)
        live.initialize(repeating: 0, count: 2)
        return live
    }()
    /// Waiting for the requests of the other epoch.
    private var draining: [Arena.Ref] = []
    /// Retired while those were waiting.
    private var fresh: [Arena.Ref] = []

    @inline(__always)
    mutating func enter() -> UInt8 {
        live[current] &+= 1
        return UInt8(truncatingIfNeeded: current)
    }

    @inline(__always)
    mutating func leave(_ epoch: UInt8) {
        live[Int(epoch)] &-= 1
        if live[Int(epoch)] == 0, Int(epoch) != current { release() }
    }

    mutating func retire(_ arena: Arena.Ref) {
        fresh.append(arena)
        if draining.isEmpty { turn() }
    }

    /// The requests that are under way are those of the epoch that ends here.
    private mutating func turn() {
        (draining, fresh) = (fresh, [])
        current = 1 - current
        if live[1 - current] == 0 { release() }
    }

    private mutating func release() {
        let old = draining
        draining = []
        for arena in old { Arena.destroy(arena) }
        if !fresh.isEmpty { turn() }
    }
}
