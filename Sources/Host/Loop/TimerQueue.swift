/// Timers of modules: a heap by deadline.
struct TimerQueue {
    struct Timer {
        var deadline: Int64
        /// The connection it belongs to; 0: the worker.
        var token: UInt64
        var fn: @convention(c) (UnsafeMutableRawPointer?) -> Void
        var ctx: UnsafeMutableRawPointer?
        var id: UInt64 = 0
        /// Whose it is, when it is a module's.
        var callback = Activity.Callback(word: 0)
    }

    private var heap: [Timer] = []
    private var nextID: UInt64 = 1

    var next: Int64? { heap.first?.deadline }

    mutating func add(_ timer: Timer) -> UInt64 {
        var timer = timer
        timer.id = nextID
        nextID += 1
        insert(timer)
        return timer.id
    }

    mutating func cancel(_ id: UInt64) {
        let kept = heap.filter { $0.id != id }
        heap.removeAll(keepingCapacity: true)
        for timer in kept { insert(timer) }
    }

    mutating func takeExpired(_ now: Int64) -> Timer? {
        guard let first = heap.first, first.deadline <= now else { return nil }
        heap[0] = heap[heap.count - 1]
        heap.removeLast()
        sink(0)
        return first
    }

    private mutating func insert(_ timer: Timer) {
        heap.append(timer)
        var child = heap.count - 1
        while child > 0, heap[child].deadline < heap[(child - 1) / 2].deadline {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    private mutating func sink(_ start: Int) {
        var parent = start
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
                if heap[child].deadline < heap[least].deadline { least = child }
            }
            guard least != parent else { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
