import Glibc
import ModuleKit

/// A worker's connection to one server. Requests are sent at once, one after another, and answered in their order.
///
/// A server that does not connect, does not answer in time or talks nonsense costs those who wait for it now; then it is left
/// alone for a while, twice as long each time, and nobody waits.
final class RemoteConnection {
    private enum State { case idle, connecting, ready }

    /// One request that waits for its reply.
    private struct Waiting {
        let id: [UInt8]
        let deadline: Int64
        /// nil: nobody wants to know.
        let done: apus_socache_done_fn?
        let context: UnsafeMutableRawPointer?
    }

    static let longestConnect: Int64 = 500_000
    static let shortestPause: Int64 = 500_000
    static let longestPause: Int64 = 30_000_000
    /// Bytes that may wait to be sent to a server that takes none.
    static let largestBacklog = 32 << 20

    private let host: Host
    private let language: any RemoteProtocol
    private let address: RemoteAddress
    private let sockets: [SocketAddress]
    private let times: RemoteTimes
    private let channels: (any RemoteChannels)?

    private var state = State.idle
    private var descriptor: Int32 = -1
    private var nextSocket = 0
    /// What is said to the server, as far as a channel has not taken it.
    private var words: [UInt8] = []
    /// What is to be sent: the words themselves, when there is no channel.
    private var output: [UInt8] = []
    private var sent = 0
    private var channel: (any RemoteChannel)?
    private var input = InputBuffer()
    private var waiting: [Waiting] = []
    private var firstWaiting = 0
    /// Replies to the greeting that are still to come.
    private var greetings = 0
    private var isWatchingWrites = false

    private var failures = 0
    private var pauseEnd: Int64 = 0
    private var connectBegin: Int64 = 0
    private var lastUse: Int64 = 0
    private var timer: UInt64 = 0
    private var timerAt = Int64.max

    private(set) var counters = RemoteCounters()

    init(
        _ host: Host, _ language: any RemoteProtocol, _ address: RemoteAddress, _ sockets: [SocketAddress], _ times: RemoteTimes,
        _ channels: (any RemoteChannels)?
    ) {
        self.host = host
        self.language = language
        self.address = address
        self.sockets = sockets
        self.times = times
        self.channels = channels
    }

    /// Whether it may be asked now.
    var isAble: Bool {
        !sockets.isEmpty && (state != .idle || host.now >= pauseEnd) && words.count + output.count - sent < RemoteConnection.largestBacklog
    }

    /// Sends a request. `done` is called once, but never in this call.
    /// - Returns: false when it cannot be.
    func ask(
        _ request: RemoteRequest, key: [UInt8], id: Bytes, done: apus_socache_done_fn?, context: UnsafeMutableRawPointer?
    ) -> Bool {
        guard state != .idle || connect() else { return false }
        key.withUnsafeBytes { language.append(request, key: Bytes($0), to: &words) }
        let patience = times.answer > 0 ? times.answer : Int64.max / 4
        let deadline = host.clock + patience
        waiting.append(
            Waiting(id: done == nil ? [] : Array(id.buffer), deadline: deadline, done: done, context: context))
        counters.requests += 1
        lastUse = host.now
        setTimer(state == .connecting ? min(deadline, connectBegin + connectPatience) : deadline)
        if state == .ready { flush() }
        return true
    }

    private var connectPatience: Int64 {
        times.answer > 0 ? min(times.answer, RemoteConnection.longestConnect) : RemoteConnection.longestConnect
    }

    // Connecting.

    private func connect() -> Bool {
        do {
            channel = try channels?.channel(to: address)
        } catch {
            fail("\(error)")
            return false
        }
        let socket = sockets[nextSocket % sockets.count]
        descriptor = socket.connect()
        guard descriptor >= 0 else {
            fail(String(cString: strerror(errno)))
            return false
        }
        state = .connecting
        connectBegin = host.clock
        isWatchingWrites = true
        guard watch(APUS_FD_READ | APUS_FD_WRITE) else {
            fail("its descriptor cannot be watched")
            return false
        }
        let (greeting, replies) = language.greeting(address)
        words = greeting
        output = []
        sent = 0
        greetings = replies
        counters.connections += 1
        return true
    }

    private func watch(_ mask: UInt32) -> Bool {
        do {
            try host.watch(descriptor, mask, context: Unmanaged.passUnretained(self).toOpaque()) { ctx, events in
                Unmanaged<RemoteConnection>.fromOpaque(ctx.unsafelyUnwrapped).takeUnretainedValue().onReady(events)
            }
            return true
        } catch {
            return false
        }
    }

    private func watchWrites(_ wanted: Bool) {
        guard wanted != isWatchingWrites else { return }
        isWatchingWrites = wanted
        host.unwatch(descriptor)
        // If that fails, the time for the answer will be over.
        _ = watch(wanted ? APUS_FD_READ | APUS_FD_WRITE : APUS_FD_READ)
    }

    private func onReady(_ events: UInt32) {
        if state == .connecting {
            var reason: Int32 = 0
            var length = socklen_t(MemoryLayout<Int32>.size)
            getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &reason, &length)
            guard reason == 0 else {
                nextSocket += 1
                return fail(String(cString: strerror(reason)))
            }
            state = .ready
        }
        flush()
        guard state == .ready else { return }
        if events & ~APUS_FD_WRITE != 0 { receive() }
    }

    // Sending and receiving.

    /// Gives a channel what is to be said and what has come; without one the words go out as they are.
    /// - Returns: false: it has failed, and so has the connection.
    private func exchange(_ received: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0)) -> Bool {
        guard let channel else {
            output += words
            words.removeAll(keepingCapacity: words.capacity <= 1 << 16)
            return true
        }
        switch channel.exchange(received: received, saying: &words, to: &output, hear: { input.append($0) }) {
        case .fine: return true
        case .ended:
            end()
            return false
        case .failed(let reason):
            fail(reason)
            return false
        }
    }

    /// Sends what there is. What goes wrong shows when reading.
    private func flush() {
        guard exchange() else { return }
        send()
    }

    private func send() {
        while sent < output.count {
            let n = output.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress.unsafelyUnwrapped + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
            }
            if n < 0 {
                if errno == EINTR { continue }
                return watchWrites(errno == EAGAIN)
            }
            sent += n
        }
        output.removeAll(keepingCapacity: output.capacity <= 1 << 16)
        sent = 0
        watchWrites(false)
    }

    private func receive() {
        while state == .ready {
            let n = channel == nil ? input.fill(from: descriptor) : fill()
            if n == 0 { return end() }
            if n < 0 {
                if errno == EINTR { continue }
                return errno == EAGAIN ? () : fail(String(cString: strerror(errno)))
            }
            guard state == .ready else { return }
            guard digest() else { return fail("it answered something that is no answer") }
        }
    }

    /// Reads what there is and lets the channel open it. As read(2); a channel that fails has closed the connection.
    private func fill() -> Int {
        withUnsafeTemporaryAllocation(byteCount: 16384, alignment: 16) { buffer in
            let n = read(descriptor, buffer.baseAddress, buffer.count)
            if n > 0, exchange(UnsafeRawBufferPointer(rebasing: buffer[..<n])) { send() }
            return n
        }
    }

    /// The server has closed the connection: a failure only when somebody waits.
    private func end() {
        if waitingCount > 0 || failures > 0 { fail("it closed the connection") } else { close() }
    }

    private var waitingCount: Int { waiting.count - firstWaiting }

    /// Takes replies out of the input and gives them to those who wait. They may ask again at once.
    private func digest() -> Bool {
        while state == .ready, !input.bytes.isEmpty {
            switch language.parse(input.bytes) {
            case .incomplete: return input.bytes.count <= language.longestData + 65536
            case .nonsense: return false
            case .reply(let reply, let length):
                guard accept(reply) else { return false }
                // Whoever got the reply may have closed the connection.
                if state == .ready { input.drop(length) }
            }
        }
        return true
    }

    private func accept(_ reply: RemoteReply) -> Bool {
        if case .refused(let text) = reply { logRefusal(text) }
        if greetings > 0 {
            greetings -= 1
            if case .refused = reply { fail("it does not let us in") }
            return true
        }
        guard waitingCount > 0 else { return false }
        let one = waiting[firstWaiting]
        firstWaiting += 1
        if firstWaiting == waiting.count || firstWaiting >= 1024 {
            waiting.removeFirst(firstWaiting)
            firstWaiting = 0
        }
        recovered()
        answer(one, reply)
        return true
    }

    private func answer(_ one: Waiting, _ reply: RemoteReply) {
        guard let done = one.done else { return }
        var found: Bytes?
        if case .found(let value) = reply {
            found = one.id.withUnsafeBytes { language.unwrap(value, id: Bytes($0), now: host.clock) }
        }
        if let found {
            counters.hits += 1
            done(one.context, APUS_OK, found)
        } else {
            counters.misses += 1
            done(one.context, APUS_E_NOT_FOUND, .none)
        }
    }

    private func logRefusal(_ text: Bytes) {
        counters.refusals += 1
        // The first, and then ever more seldom.
        guard counters.refusals & (counters.refusals - 1) == 0 else { return }
        host.log.write(
            .warn, code: "APUS4031", "the \(language.name) server \(address.text) refuses: \(text.upTo(min(text.count, 200)).string)")
    }

    // Ends.

    private func close() {
        if descriptor >= 0 {
            host.unwatch(descriptor)
            Glibc.close(descriptor)
            descriptor = -1
        }
        state = .idle
        channel = nil
        words.removeAll(keepingCapacity: false)
        output.removeAll(keepingCapacity: false)
        sent = 0
        greetings = 0
        input.clear()
    }

    /// Leaves the server alone for a while. All who wait are told that nothing was found.
    private func fail(_ reason: String) {
        close()
        failures += 1
        counters.failures += 1
        let pause = min(RemoteConnection.longestPause, RemoteConnection.shortestPause << Int64(min(failures - 1, 10)))
        pauseEnd = host.clock + pause
        host.log.write(
            failures == 1 ? .warn : .info, code: "APUS4030",
            "the \(language.name) server \(address.text) fails: \(reason); it is left alone for \(pause / 1000) ms")
        let lost = waiting[firstWaiting...]
        waiting = []
        firstWaiting = 0
        for one in lost { one.done?(one.context, APUS_E_IO, .none) }
    }

    private func recovered() {
        guard failures > 0 else { return }
        failures = 0
        host.log.write(.notice, code: "APUS4032", "the \(language.name) server \(address.text) answers again")
    }

    // Time.

    private func setTimer(_ moment: Int64) {
        guard moment < timerAt else { return }
        if timer != 0 { host.cancelTimer(timer) }
        timerAt = moment
        let context = Unmanaged.passUnretained(self).toOpaque()
        timer = (try? host.after(microseconds: UInt64(max(moment - host.clock, 0)) + 1000, context: context) { ctx in
            Unmanaged<RemoteConnection>.fromOpaque(ctx.unsafelyUnwrapped).takeUnretainedValue().onTimer()
        }) ?? 0
    }

    private func onTimer() {
        timer = 0
        timerAt = Int64.max
        guard state != .idle else { return }
        let now = host.clock
        if waitingCount > 0 {
            let connectEnd = state == .connecting ? connectBegin + connectPatience : Int64.max
            let deadline = min(waiting[firstWaiting].deadline, connectEnd)
            guard deadline <= now else { return setTimer(deadline) }
            nextSocket += 1
            return fail(state == .connecting ? "it cannot be reached in time" : "it does not answer in time")
        }
        guard times.idle > 0 else { return }
        if lastUse + times.idle <= now { close() } else { setTimer(lastUse + times.idle) }
    }
}

/// How long a server may take, and how long a connection without work is kept, in microseconds; 0: as long as it likes.
public struct RemoteTimes {
    public var answer: Int64
    public var idle: Int64

    public init(answer: Int64, idle: Int64) {
        self.answer = answer
        self.idle = idle
    }
}

/// What a connection counts.
struct RemoteCounters {
    var requests = 0
    var hits = 0
    var misses = 0
    var failures = 0
    var refusals = 0
    var connections = 0
}
