import ByteKit
import CSystem
import Glibc
import ModuleABI

/// What a descriptor in the loop stands for.
struct LoopSlot {
    enum Kind: UInt8 {
        case none, listener, connection, wakeUp, watch, signals, paths
    }

    var kind = Kind.none
    /// Raised when the descriptor goes: an event that was gathered before it is not taken for another's.
    var generation: UInt32 = 0
    /// A connection, a listener or a watch.
    var target: UnsafeMutableRawPointer?
}

/// A module's interest in a descriptor.
struct Watch {
    var fn: @convention(c) (UnsafeMutableRawPointer?, UInt32) -> Void
    var ctx: UnsafeMutableRawPointer?
    /// Whose it is, when it is a module's.
    var callback = Activity.Callback(word: 0)
}

/// The event loop of a worker: epoll, edge-triggered for connections, with timers and calls from other threads.
final class EventLoop {
    private let epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
    private let wakeUp = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
    private let slots: UnsafeMutablePointer<LoopSlot>
    private let slotCount: Int
    private let events: UnsafeMutablePointer<epoll_event>
    private static let batch = 256
    /// Milliseconds without an event that count as quiet. Not fewer: a timer nearer than the next tick costs the kernel
    /// some microseconds each time that nothing waits. A client that sends its next request as soon as it has an
    /// answer must not find the worker writing its log each time.
    private static let quiet: Int32 = 10

    /// Connections that gave way to others and want another turn: by token, for they may go in the meantime.
    private var revisits: [UInt64] = []
    private var timers = TimerQueue()
    private let calls = CallQueue()
    /// Where changes to .htaccess files show; -1: nowhere.
    private var pathEvents: Int32 = -1
    var isStopping = false
    var onSignal: (_ signal: Int32, _ isSent: Bool) -> Void = { _, _ in }

    init() {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        slotCount = Int(min(max(limit.rlim_cur, 1024), 1 << 20))
        let size = slotCount * MemoryLayout<LoopSlot>.stride
        // Zero pages from the kernel: a slot costs memory only once its descriptor is used. Kind.none is zero.
        let raw = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        slots = raw.unsafelyUnwrapped.bindMemory(to: LoopSlot.self, capacity: slotCount)
        events = .allocate(capacity: EventLoop.batch)
        add(wakeUp, UInt32(EPOLLIN.rawValue), .wakeUp, nil)
    }

    // MARK: Descriptors

    @discardableResult
    private func add(_ fd: Int32, _ mask: UInt32, _ kind: LoopSlot.Kind, _ target: UnsafeMutableRawPointer?) -> Bool {
        guard fd >= 0, Int(fd) < slotCount else { return false }
        slots[Int(fd)] = LoopSlot(kind: kind, generation: slots[Int(fd)].generation, target: target)
        var event = event(fd, mask)
        return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0
    }

    private func event(_ fd: Int32, _ mask: UInt32) -> epoll_event {
        var event = epoll_event()
        event.events = mask
        event.data.u64 = UInt64(slots[Int(fd)].generation) << 32 | UInt64(UInt32(bitPattern: fd))
        return event
    }

    func addListener(_ listener: UnsafeMutablePointer<Listener>) {
        add(listener.pointee.fd, UInt32(EPOLLIN.rawValue | EPOLLEXCLUSIVE.rawValue), .listener, listener)
    }

    /// Leaves the next connections to the other workers for a moment.
    func pause(_ listener: UnsafeMutablePointer<Listener>) {
        remove(listener.pointee.fd)
        let resume: @convention(c) (UnsafeMutableRawPointer?) -> Void = { raw in
            guard let listener = raw?.assumingMemoryBound(to: Listener.self), listener.pointee.fd >= 0 else { return }
            theWorker.pointee.loop.addListener(listener)
        }
        _ = addTimer(TimerQueue.Timer(deadline: theWorker.pointee.now + 10_000, token: 0, fn: resume, ctx: listener))
    }

    /// Registers a connection once, by edges: no further system call until it is closed, unless its client reads slowly.
    func add(_ conn: Connection.Ref) {
        guard add(conn.pointee.fd, mask(of: conn), .connection, conn) else { return conn.close() }
        conn.pointee.isInLoop = true
    }

    /// A socket that has just been made has room, which would be told at once.
    private func mask(of conn: Connection.Ref) -> UInt32 {
        let room = conn.pointee.watchesRoom ? EPOLLOUT.rawValue : 0
        return UInt32(EPOLLIN.rawValue | EPOLLRDHUP.rawValue | room) | UInt32(1) << 31
    }

    /// From now on room in the socket is told, too; at once if it is there.
    func watchRoom(_ conn: Connection.Ref) {
        var event = event(conn.pointee.fd, mask(of: conn))
        if epoll_ctl(epoll, EPOLL_CTL_MOD, conn.pointee.fd, &event) != 0 { conn.pointee.wasAborted = true }
    }

    /// The descriptor is about to be closed, which takes it out of epoll.
    func forget(_ fd: Int32) {
        if fd >= 0, Int(fd) < slotCount { slots[Int(fd)] = LoopSlot(generation: slots[Int(fd)].generation &+ 1) }
    }

    func remove(_ fd: Int32) {
        forget(fd)
        var event = epoll_event()
        epoll_ctl(epoll, EPOLL_CTL_DEL, fd, &event)
    }

    func addSignals(_ fd: Int32) { add(fd, UInt32(EPOLLIN.rawValue), .signals, nil) }

    func watch(_ fd: Int32, _ mask: UInt32, _ watch: Watch) -> Bool {
        guard fd >= 0, Int(fd) < slotCount, slots[Int(fd)].kind == .none else { return false }
        let place = UnsafeMutablePointer<Watch>.allocate(capacity: 1)
        place.initialize(to: watch)
        guard add(fd, mask, .watch, place) else {
            forget(fd)
            place.deallocate()
            return false
        }
        return true
    }

    func unwatch(_ fd: Int32) {
        guard fd >= 0, Int(fd) < slotCount, slots[Int(fd)].kind == .watch else { return }
        slots[Int(fd)].target?.assumingMemoryBound(to: Watch.self).deallocate()
        remove(fd)
    }

    /// Descriptors that tell of changes to .htaccess files. They are looked at before everything else that has happened.
    func watchPaths(_ descriptors: [Int32]) {
        for (index, fd) in descriptors.enumerated() { add(fd, UInt32(index == 0 ? EPOLLIN.rawValue : EPOLLPRI.rawValue), .paths, nil) }
        pathEvents = descriptors[0]
    }

    func unwatchPaths(_ descriptors: [Int32]) {
        for fd in descriptors { remove(fd) }
        pathEvents = -1
    }

    private func handlePaths(_ count: Int) {
        for index in 0..<count {
            let fd = Int32(truncatingIfNeeded: events[index].data.u64)
            if slots[Int(fd)].kind == .paths { theWorker.pointee.accessFiles.readEvents(fd) }
        }
        // With so many events at once it may be among those that were left for later.
        if count == EventLoop.batch, pathEvents >= 0 { theWorker.pointee.accessFiles.readEvents(pathEvents) }
    }

    /// The connection of a descriptor, when it is still the one the token names.
    func connection(_ token: UInt64) -> Connection.Ref? {
        let fd = Int(UInt32(truncatingIfNeeded: token))
        guard fd < slotCount, slots[fd].kind == .connection, let raw = slots[fd].target else { return nil }
        let conn = raw.assumingMemoryBound(to: Connection.self)
        return conn.token == token ? conn : nil
    }

    // MARK: Turns

    /// Gives the connection another turn after the others have had theirs.
    func revisit(_ conn: Connection.Ref) {
        if !conn.pointee.isInLoop { add(conn) }
        if !revisits.contains(conn.token) { revisits.append(conn.token) }
    }

    func run() {
        while !isStopping, !theWorker.pointee.hasDrained { turn() }
    }

    /// Waits for events and deals with them.
    func turn() {
        // Gathered log lines leave when there is nothing else to do for a moment, or when they have waited long enough.
        let hasLines = LogSinks.hasLines
        let count = epoll_wait(epoll, events, Int32(EventLoop.batch), hasLines ? min(EventLoop.quiet, timeout()) : timeout())
        theWorker.pointee.setTime(Clock.now())
        theWorker.pointee.turnNumber &+= 1
        LoopWatch.turnBegan(theWorker.pointee.slot)
        theWorker.pointee.timing.turnBegan(hasEvents: count > 0)
        if hasLines, count == 0 || LogSinks.areDue(theWorker.pointee.now) { LogSinks.flushAll() }
        if count > 0 {
            if pathEvents >= 0 { handlePaths(Int(count)) }
            for index in 0..<Int(count) { handle(events[index]) }
        }
        runRevisits()
        expire()
        theWorker.pointee.timing.turnEnded()
        LoopWatch.turnEnded(theWorker.pointee.slot, since: theWorker.pointee.now)
    }

    /// Milliseconds to wait: none when somebody wants another turn, else until the next deadline.
    private func timeout() -> Int32 {
        if !revisits.isEmpty { return 0 }
        var wait: Int64 = theWorker.pointee.timers.count > 0 ? TimerWheel.tick / 1000 : 1000
        if let next = timers.next { wait = min(wait, max(0, (next - Clock.now() + 999) / 1000)) }
        return Int32(wait)
    }

    @inline(__always)
    private func handle(_ event: epoll_event) {
        let fd = Int(UInt32(truncatingIfNeeded: event.data.u64))
        let slot = slots[fd]
        guard slot.generation == UInt32(truncatingIfNeeded: event.data.u64 >> 32) else { return }
        switch slot.kind {
        case .connection:
            if let conn = slot.target?.assumingMemoryBound(to: Connection.self) { handle(conn, event.events) }
        case .listener:
            if let listener = slot.target?.assumingMemoryBound(to: Listener.self) { Acceptor.accept(listener) }
        case .wakeUp: runCalls()
        case .watch:
            if let watch = slot.target?.assumingMemoryBound(to: Watch.self).pointee {
                Activity.during(watch.callback) { watch.fn(watch.ctx, event.events) }
            }
        case .signals: SignalDescriptor.read(Int32(fd), onSignal)
        case .paths, .none: break
        }
    }

    @inline(__always)
    private func handle(_ conn: Connection.Ref, _ happened: UInt32) {
        let isBroken = happened & UInt32(EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0
        if happened & UInt32(EPOLLRDHUP.rawValue | EPOLLHUP.rawValue) != 0 { conn.pointee.hasHungUp = true }
        if happened & UInt32(EPOLLIN.rawValue | EPOLLRDHUP.rawValue) != 0 || isBroken { conn.pointee.mayRead = true }
        if conn.pointee.state == .head { conn.pointee.headTurn = UInt32(truncatingIfNeeded: theWorker.pointee.turnNumber) }
        if happened & UInt32(EPOLLOUT.rawValue) != 0 { conn.hasRoom() }
        Turn.run(conn) {
            if isBroken, conn.pointee.state == .request, let r = conn.pointee.request {
                conn.pointee.wasAborted = true
                return Tasks.cancel(r)
            }
            if isBroken, conn.pointee.state == .taken, !Takeover.isReading(conn) {
                conn.pointee.wasAborted = true
                return conn.close()
            }
            if conn.pointee.mayWrite, ConnectionIO.pending(conn) > 0 || conn.pointee.state == .request {
                RequestEvents.writable(conn)
            }
            if conn.pointee.mayRead, conn.pointee.state != .closed { HTTP1.readable(conn) }
        }
    }

    private func runRevisits() {
        guard !revisits.isEmpty else { return }
        let due = revisits
        revisits.removeAll(keepingCapacity: true)
        for token in due {
            guard let conn = connection(token) else { continue }
            Turn.run(conn) {
                RequestEvents.writable(conn)
                if conn.pointee.state != .closed { HTTP1.readable(conn) }
            }
        }
    }

    // MARK: Time

    private func expire() {
        let now = theWorker.pointee.now
        while let conn = theWorker.pointee.timers.nextExpired(now) { Deadlines.expired(conn) }
        while let timer = timers.takeExpired(now) {
            if timer.token == 0 {
                Activity.during(timer.callback) { timer.fn(timer.ctx) }
            } else if let conn = connection(timer.token) {
                Turn.run(conn) { Activity.during(timer.callback) { timer.fn(timer.ctx) } }
            }
        }
    }

    func addTimer(_ timer: TimerQueue.Timer) -> UInt64 { timers.add(timer) }
    func cancelTimer(_ id: UInt64) { timers.cancel(id) }

    // MARK: Calls from other threads

    /// Runs `body` on the loop. [any thread]
    func call(_ body: @escaping () -> Void) {
        guard calls.add(body) else { return }
        var one: UInt64 = 1
        _ = write(wakeUp, &one, 8)
    }

    private func runCalls() {
        var count: UInt64 = 0
        _ = read(wakeUp, &count, 8)
        for body in calls.takeAll() { body() }
    }
}

/// What other threads want done on the loop.
final class CallQueue {
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private var waiting: [() -> Void] = []

    init() { pthread_mutex_init(lock, nil) }

    /// True when the loop must be woken: the queue was empty.
    func add(_ body: @escaping () -> Void) -> Bool {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        waiting.append(body)
        return waiting.count == 1
    }

    func takeAll() -> [() -> Void] {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        defer { waiting.removeAll(keepingCapacity: true) }
        return waiting
    }
}

/// One stretch of work on one connection: what it writes is gathered and leaves at the end in one piece.
enum Turn {
    static func run(_ conn: Connection.Ref, _ body: () -> Void) {
        // A callback of one connection may reach another: the inner one has a turn of its own afterwards.
        guard theWorker.pointee.turn == nil else { return theWorker.pointee.turn == conn ? body() : nested(conn, body) }
        theWorker.pointee.turn = conn
        body()
        end(conn)
    }

    @inline(__always)
    static func end(_ conn: Connection.Ref) {
        if conn.pointee.state != .closed {
            if theWorker.pointee.turnLength > 0 { ConnectionIO.flush(conn) }
            conn.pointee.input.settle()
            if !conn.pointee.isInLoop { theWorker.pointee.loop.add(conn) }
        }
        theWorker.pointee.turn = nil
        theWorker.pointee.turnLength = 0
        if conn.pointee.state == .closed { Acceptor.recycle(conn) }
    }

    private static func nested(_ conn: Connection.Ref, _ body: () -> Void) {
        let outer = theWorker.pointee.turn
        if let outer { ConnectionIO.flush(outer) }
        theWorker.pointee.turn = nil
        run(conn, body)
        theWorker.pointee.turn = outer
    }
}
