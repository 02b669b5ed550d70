import CSystem
import Glibc

/// A generation's side of the channel to its supervisor: what it inherits, what it hands on, what it is told.
///
/// The supervisor may be older than this binary, by any number of upgrades: verbs and names may be added, but those of a
/// version stay as they are. Both ignore what they do not know.
final class Handover {
    static let version = 1
    /// Names the version and the descriptor of the channel to a generation that is started.
    static let variable = "APUS_SUPERVISOR"

    private let channel: PacketSocket
    private(set) var number: UInt64 = 1
    private(set) var reason = Generation.Reason.start
    /// What was kept for this generation, by name. Whoever uses an entry takes it.
    var inherited = DescriptorTable()

    /// Nil: this process was not started by a supervisor. Throws what is wrong with the one that did.
    static func receive() throws(HandoverProblem) -> Handover? {
        guard let value = getenv(variable).map({ String(cString: $0) }) else { return nil }
        unsetenv(variable)
        let parts = value.split(separator: ":").compactMap { Int32($0) }
        guard parts.count == 2, parts[0] == version else {
            throw HandoverProblem("the running supervisor speaks version \(value) of its protocol, this binary version \(version): stop and start the server")
        }
        let handover = Handover(PacketSocket(parts[1]))
        try handover.readWelcome()
        return handover
    }

    private init(_ channel: PacketSocket) {
        self.channel = channel
        _ = fcntl(channel.fd, F_SETFD, FD_CLOEXEC)
    }

    private func readWelcome() throws(HandoverProblem) {
        while case .packet(let packet) = channel.receive() {
            switch packet.verb {
            case "generation":
                number = UInt64(packet[0]) ?? 1
                reason = Generation.Reason(rawValue: packet[1]) ?? .reload
            case "have" where packet.descriptor >= 0: inherited.put(packet[0], packet.descriptor, note: packet[1])
            case "begin":
                channel.stopBlocking()
                return
            default: if packet.descriptor >= 0 { close(packet.descriptor) }
            }
        }
        throw HandoverProblem("the supervisor has gone")
    }

    // MARK: To the supervisor

    /// Has the supervisor keep a descriptor for the generations to come; ours stays ours.
    func offer(_ name: String, _ descriptor: Int32, note: String = "") {
        channel.send(Packet("offer", [name, note], descriptor: descriptor))
    }

    /// Has it keep a name no longer.
    func withdraw(_ name: String) { channel.send(Packet("withdraw", [name])) }

    func set(_ setting: String, _ value: String) { channel.send(Packet("set", [setting, value])) }

    /// This generation serves; the one before it may leave.
    func reportReady() {
        channel.send(Packet("ready"))
    }

    /// Nobody of this generation takes connections any more.
    func reportLeft() { channel.send(Packet("left")) }

    // MARK: From the supervisor

    enum Order {
        /// Finish what has begun, then end: within so many microseconds, or what the configuration says.
        case drain(within: Int64?)
        /// End now.
        case stop
        /// Tell what the modules have done, through a descriptor that is the receiver's then.
        case tellOfModules(Int32)
        /// The supervisor has gone: end now, and leave nothing behind.
        case orphaned
    }

    var descriptor: Int32 { channel.fd }
    /// Whether the supervisor may still say something.
    private(set) var isOpen = true
    var hasOutbox: Bool { channel.hasOutbox }
    func flush() { channel.flush() }

    /// Nil: none has come.
    func nextOrder() -> Order? {
        guard isOpen else { return nil }
        switch channel.receive() {
        case .closed:
            isOpen = false
            return .orphaned
        case .nothing: return nil
        case .packet(let packet):
            if packet.verb == Control.moduleQuestion, packet.descriptor >= 0 { return .tellOfModules(packet.descriptor) }
            if packet.descriptor >= 0 { close(packet.descriptor) }
            switch packet.verb {
            case "drain": return .drain(within: Int64(packet[0]))
            case "stop": return .stop
            default: return nextOrder()
            }
        }
    }

    /// For a worker: the channel is the leader's.
    func closeInWorker() { channel.close() }
}

/// Why a generation cannot work under its supervisor.
struct HandoverProblem: Error {
    let message: String
    init(_ message: String) { self.message = message }
}
