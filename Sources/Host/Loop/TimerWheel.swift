/// Deadlines of connections, kept so that moving one later costs nothing.
///
/// A connection lies in the slot of some time not after its deadline. When the slot's time comes and the deadline has
/// moved on, it is laid into a later slot: so a busy connection is touched once a round, not once a request.
struct TimerWheel {
    static let tick: Int64 = 100_000
    static let slots = 1024

    private let heads: UnsafeMutablePointer<Connection.Ref?>
    /// The last tick whose slot has been emptied.
    private var current: Int64
    private(set) var count = 0

    init(now: Int64) {
        heads = .allocate(capacity: TimerWheel.slots)
        heads.initialize(repeating: nil, count: TimerWheel.slots)
        current = now / TimerWheel.tick
    }

    /// Sets when the connection's time is over, in microseconds.
    @inline(__always)
    mutating func set(_ connection: Connection.Ref, _ deadline: Int64) {
        connection.pointee.deadline = deadline
        if connection.pointee.wheelTick != 0, connection.pointee.wheelTick &* TimerWheel.tick <= deadline { return }
        remove(connection)
        insert(connection)
    }

    private mutating func insert(_ connection: Connection.Ref) {
        let wanted = connection.pointee.deadline / TimerWheel.tick + 1
        let tick = min(max(wanted, current + 1), current + Int64(TimerWheel.slots) - 1)
        connection.pointee.wheelTick = tick
        let slot = Int(tick) & (TimerWheel.slots - 1)
        connection.pointee.wheelPrevious = nil
        connection.pointee.wheelNext = heads[slot]
        heads[slot]?.pointee.wheelPrevious = connection
        heads[slot] = connection
        count &+= 1
    }

    mutating func remove(_ connection: Connection.Ref) {
        let tick = connection.pointee.wheelTick
        guard tick != 0 else { return }
        if let previous = connection.pointee.wheelPrevious {
            previous.pointee.wheelNext = connection.pointee.wheelNext
        } else {
            heads[Int(tick) & (TimerWheel.slots - 1)] = connection.pointee.wheelNext
        }
        connection.pointee.wheelNext?.pointee.wheelPrevious = connection.pointee.wheelPrevious
        connection.pointee.wheelTick = 0
        connection.pointee.wheelNext = nil
        connection.pointee.wheelPrevious = nil
        count &-= 1
    }

    /// A connection whose deadline has passed, taken out of the wheel; nil: none left for now.
    mutating func nextExpired(_ now: Int64) -> Connection.Ref? {
        let last = now / TimerWheel.tick
        while current < last {
            let slot = Int(current + 1) & (TimerWheel.slots - 1)
            while let connection = heads[slot] {
                remove(connection)
                if connection.pointee.deadline <= now { return connection }
                insert(connection)
                // It can have come back into this very slot only when the wheel has gone all round.
                if connection.pointee.wheelTick & Int64(TimerWheel.slots - 1) == Int64(slot) { break }
            }
            current += 1
        }
        return nil
    }
}
