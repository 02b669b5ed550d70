import CSystem
import Glibc

/// What one process tells another: a verb and its arguments, one a line, and perhaps a descriptor.
struct Packet {
    let verb: String
    let arguments: [String]
    /// Belongs to whoever received the packet; -1: none.
    let descriptor: Int32

    init(_ verb: String, _ arguments: [String] = [], descriptor: Int32 = -1) {
        self.verb = verb
        self.arguments = arguments
        self.descriptor = descriptor
    }

    fileprivate init(text: String, descriptor: Int32) {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        self.init(lines.removeFirst(), lines, descriptor: descriptor)
    }

    fileprivate var text: String { ([verb] + arguments).joined(separator: "\n") }

    subscript(index: Int) -> String { index < arguments.count ? arguments[index] : "" }
}

/// One end of a Unix socket that carries packets.
///
/// Sending never blocks: what the kernel does not take waits in the outbox until `flush`. Receiving blocks or not as the
/// socket does.
final class PacketSocket {
    let fd: Int32
    private var outbox: [(text: String, descriptor: Int32)] = []

    static let capacity = 64 << 10

    init(_ fd: Int32) { self.fd = fd }

    /// Two ends, close-on-exec, both blocking.
    static func pair() throws(SystemProblem) -> (PacketSocket, PacketSocket) {
        var ends: (Int32, Int32) = (0, 0)
        let status = withUnsafeMutablePointer(to: &ends) {
            $0.withMemoryRebound(to: Int32.self, capacity: 2) {
                socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue), 0, $0)
            }
        }
        guard status == 0 else { throw SystemProblem(errno) }
        return (PacketSocket(ends.0), PacketSocket(ends.1))
    }

    /// From here on `receive` answers `.nothing` instead of waiting.
    func stopBlocking() { _ = fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) }

    // MARK: Sending

    var hasOutbox: Bool { !outbox.isEmpty }
    var outboxCount: Int { outbox.count }

    /// Sends, now or as soon as there is room. The descriptor stays the caller's.
    func send(_ packet: Packet) {
        if outbox.isEmpty, attempt(packet.text, packet.descriptor) { return }
        let kept = packet.descriptor < 0 ? -1 : fcntl(packet.descriptor, F_DUPFD_CLOEXEC, 3)
        outbox.append((packet.text, kept))
    }

    /// Sends what waits, as far as there is room.
    func flush() {
        while let first = outbox.first, attempt(first.text, first.descriptor) {
            if first.descriptor >= 0 { Glibc.close(first.descriptor) }
            outbox.removeFirst()
        }
    }

    /// False: there is no room now. A peer that has gone takes everything.
    private func attempt(_ text: String, _ descriptor: Int32) -> Bool {
        var text = text
        return text.withUTF8 { bytes in
            while true {
                if cs_send_packet(fd, bytes.baseAddress, bytes.count, descriptor) >= 0 { return true }
                switch errno {
                case EINTR: continue
                case EPIPE, ECONNRESET, ENOTCONN, ECONNREFUSED, EBADF, EMSGSIZE: return true
                default: return false
                }
            }
        }
    }

    // MARK: Receiving

    enum Received {
        case packet(Packet)
        /// Nothing has come yet.
        case nothing
        /// The other end is closed.
        case closed
    }

    func receive() -> Received {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: PacketSocket.capacity) { buffer in
            var descriptor: Int32 = -1
            while true {
                let count = cs_receive_packet(fd, buffer.baseAddress, buffer.count, &descriptor)
                if count > 0 {
                    let text = String(decoding: UnsafeBufferPointer(rebasing: buffer[..<count]), as: UTF8.self)
                    return .packet(Packet(text: text, descriptor: descriptor))
                }
                if count == 0 { return .closed }
                if errno == EAGAIN { return .nothing }
                if errno != EINTR { return .closed }
            }
        }
    }

    func close() {
        for waiting in outbox where waiting.descriptor >= 0 { Glibc.close(waiting.descriptor) }
        outbox.removeAll()
        Glibc.close(fd)
    }
}

/// Waits for several descriptors at once, for processes that are not in a hurry.
struct Poll {
    private var entries: [pollfd] = []

    mutating func add(_ fd: Int32, writable: Bool = false) {
        entries.append(pollfd(fd: fd, events: Int16(POLLIN | (writable ? POLLOUT : 0)), revents: 0))
    }

    /// For a descriptor of which nothing is to be known but that the other end has gone.
    mutating func add(errorsOf fd: Int32) { entries.append(pollfd(fd: fd, events: 0, revents: 0)) }

    /// Waits until one is ready, or at most so many microseconds.
    mutating func wait(_ microseconds: Int64) {
        let milliseconds = Int32(clamping: (max(0, microseconds) + 999) / 1000)
        _ = poll(&entries, nfds_t(entries.count), milliseconds)
    }

    /// Whether there is something to read, or the other end has gone.
    func isReadable(_ fd: Int32) -> Bool { happened(fd, Int32(POLLIN | POLLHUP | POLLERR)) }

    func isWritable(_ fd: Int32) -> Bool { happened(fd, Int32(POLLOUT)) }

    private func happened(_ fd: Int32, _ mask: Int32) -> Bool {
        entries.contains { $0.fd == fd && Int32($0.revents) & mask != 0 }
    }
}
