import ByteKit
import Glibc
import ModuleABI
import ModuleABI.Draft

/// One client connection: what a module knows as apus_conn. Raw memory in the worker's table, reused.
///
/// Invariants: `request` is nil between requests; `input` and `output` own no memory while the connection is idle.
struct Connection {
    typealias Ref = UnsafeMutablePointer<Connection>

    /// What the connection is waiting for.
    enum State: UInt8 {
        /// What comes before the transport has not come yet; see Preface.
        case preface
        /// The transport has not agreed yet.
        case handshake
        /// The head of a request, or the first byte of the next one.
        case head
        /// A request is being worked on: its body, a suspended hook, room to send.
        case request
        /// Its bytes are a module's protocol; see Takeover.
        case taken
        /// All is sent: the client's last bytes are read and dropped before closing.
        case lingering
        case closed
    }

    var fd: Int32
    var state = State.handshake
    var isInLoop = false
    /// The socket may have bytes that have not been read.
    var mayRead = true
    fileprivate(set) var mayWrite = true
    /// The loop is to tell when there is room in the socket.
    fileprivate(set) var watchesRoom = false
    /// The kernel says that the peer has finished sending; its last bytes may still be unread.
    var hasHungUp = false
    /// The peer has finished sending, and everything it sent has been read.
    var hasEnded = false
    /// What waits to be sent is all there will be.
    var isLastOutput = false
    /// And the client has promised to send nothing more, so that the connection is closed as soon as the socket has the bytes.
    var endsWithOutput = false
    /// The connection ends when the output is sent.
    var closesWhenSent = false
    var wasAborted = false
    /// The parser gave up on what the client sends; what it still sends is dropped.
    var isPoisoned = false
    var isSecure = false
    var isProcessing = false
    /// What `telling` its requests begin with.
    var telling = Telling.silent
    var requests: Int32 = 0
    var localIsKnown = false
    /// The transport has taken bytes that it could not send yet.
    var transportHolds = false
    /// Empty lines seen since the last request.
    var emptyLines: UInt8 = 0
    var id: UInt64
    /// See LogID; 0: nothing has been logged about it.
    var logID: UInt64 = 0

    var listener: UnsafePointer<Listener>
    var entry: UnsafePointer<HostTable.Entry>?
    /// The server of the address, or what SNI chose.
    var server: Server.Ref
    var peer: SocketAddress
    var local: SocketAddress

    var preface: UnsafePointer<Preface>?
    var tap: UnsafePointer<Tap>?
    var transport: UnsafePointer<apus_transport_v0>?
    var transportState: UnsafeMutableRawPointer?
    var transportName = Bytes.none
    /// Its callbacks, as what is running.
    var transportCallback = Activity.Callback(word: 0)
    /// A handshake's suspension; see Tasks.
    var handshakeTask: UInt32 = 0
    /// Who was told that the request is given up, and still has to do with it; see Tasks.
    var holds: UInt32 = 0
    /// The turn of the loop, its lower half, that began with news of a head that was waited for; 0: none did, or its request has
    /// begun.
    var headTurn: UInt32 = 0
    var handshakeCancel: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?
    var handshakeCancelContext: UnsafeMutableRawPointer?

    /// Memory that lives as long as the connection; made when first asked for.
    var arena: Arena.Ref?
    var slots: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
    var peerText = Bytes.none
    var localText = Bytes.none
    /// See HostNames.
    var peerName = Bytes.none
    var localName = Bytes.none
    /// Where the text of an IPv4 client lies: most connections need no other memory while they are idle.
    var peerTextIPv4 = InlineArray<16, UInt8>(repeating: 0)

    var input = InputBuffer()
    var headScan = HeadScan()
    /// Since when the head at hand is waited for; 0: none has begun.
    var headSince: Int64 = 0
    var output = OutputQueue()
    var request: Request.Ref?
    /// The protocol that has the connection, or gets it when the answer 101 has left.
    var takeover: UnsafeMutablePointer<Takeover>?

    var deadline: Int64 = 0
    var wheelTick: Int64 = 0
    var wheelNext: Ref?
    var wheelPrevious: Ref?
    var freeNext: Ref?
}

extension Connection.Ref {
    /// The socket takes no more: the loop will tell when it does.
    func awaitRoom() {
        pointee.mayWrite = false
        guard !pointee.watchesRoom else { return }
        pointee.watchesRoom = true
        if pointee.isInLoop { theWorker.pointee.loop.watchRoom(self) }
    }

    /// There is room in the socket. What a transport keeps for itself may have waited for it as well.
    func hasRoom() {
        if !pointee.mayWrite, pointee.transport != nil { pointee.transportHolds = true }
        pointee.mayWrite = true
    }
}

/// What has been read and not used yet.
///
/// Either borrowed: the worker's read buffer while the connection is being worked on; or owned: memory of its own while
/// it waits with bytes left over.
struct InputBuffer {
    private(set) var base: UnsafeMutablePointer<UInt8>?
    var start = 0
    private(set) var end = 0
    private(set) var capacity = 0
    private(set) var isOwned = false
    /// All that was ever taken out.
    private(set) var consumed: Int64 = 0

    @inline(__always)
    var available: Bytes {
        base.map { Bytes(UnsafeRawPointer($0 + start), count: end &- start) } ?? .none
    }

    @inline(__always)
    var isEmpty: Bool { start == end }

    /// Works in the worker's buffer from here on; only when nothing is left over.
    mutating func borrow(_ buffer: UnsafeMutablePointer<UInt8>, _ capacity: Int) {
        base = buffer
        self.capacity = capacity
        start = 0
        end = 0
        isOwned = false
    }

    /// Room for more at the end; owned memory is moved up or doubled when full.
    mutating func room(atLeast wanted: Int) -> (UnsafeMutablePointer<UInt8>, Int)? {
        guard let base else { return nil }
        if capacity - end >= wanted || !isOwned && capacity > end { return (base + end, capacity - end) }
        if start > 0 {
            memmove(base, base + start, end - start)
            end -= start
            start = 0
        }
        if capacity - end < wanted {
            guard isOwned else {
                own(capacity * 2)
                return room(atLeast: wanted)
            }
            let larger = capacity * 2
            guard let moved = realloc(base, larger) else { return nil }
            self.base = moved.assumingMemoryBound(to: UInt8.self)
            capacity = larger
        }
        return self.base.map { ($0 + end, capacity - end) }
    }

    mutating func added(_ count: Int) { end += count }

    mutating func consume(_ count: Int) {
        start += count
        consumed += Int64(count)
    }

    /// Keeps what is left over beyond this turn, or nothing when there is nothing.
    mutating func settle() {
        guard base != nil else { return }
        if isEmpty {
            release()
        } else if !isOwned {
            own(max(4096, (end - start) * 2))
        }
    }

    private mutating func own(_ size: Int) {
        let left = end - start
        guard let base, let raw = malloc(max(size, left)) else { return release() }
        memcpy(raw, base + start, left)
        self.base = raw.assumingMemoryBound(to: UInt8.self)
        capacity = max(size, left)
        start = 0
        end = left
        isOwned = true
    }

    mutating func release() {
        if isOwned { free(base) }
        base = nil
        start = 0
        end = 0
        capacity = 0
        isOwned = false
    }
}

extension UnsafeMutablePointer where Pointee == Connection {
    var handle: OpaquePointer { OpaquePointer(self) }

    static func of(_ handle: OpaquePointer?) -> Connection.Ref { Connection.Ref(handle.unsafelyUnwrapped) }

    /// A name that may be kept: stale once the connection has gone.
    var token: UInt64 { UInt64(UInt32(truncatingIfNeeded: pointee.id)) << 32 | UInt64(UInt32(bitPattern: pointee.fd)) }

    /// The connection's own memory.
    var pool: Arena.Ref {
        if let arena = pointee.arena { return arena }
        // Small at first: most connections keep little more than the text of an address, and many are idle.
        let arena = Arena.make(nil, first: 240)
        pointee.arena = arena
        return arena
    }
}
