import CSystem
import Glibc

/// One run of the server under the supervisor: a leader process with its workers.
final class Generation {
    enum State {
        /// Reads its configuration; not ready yet.
        case starting
        case serving
        /// Has been told to finish, or to stop.
        case leaving
        /// Its leader died; the workers serve until another generation is ready.
        case orphaned
    }

    /// Why a generation is started; the raw value is what it is told.
    enum Reason: String {
        case start
        case reload
        /// The leader before it died.
        case recover
    }

    let number: UInt64
    let reason: Reason
    /// The leader, whose process group has this number too once it is ready.
    let process: pid_t
    let channel: PacketSocket
    /// What it prints until it is ready, when nobody else is to see it directly; -1: it prints for itself.
    var console: Int32
    /// Whether it may still take connections.
    var hasLeft = false
    /// Whether its leader may still say something.
    var isHeard = true
    var state = State.starting
    /// What it has put up for its successors.
    var offers = DescriptorTable()
    /// What its configuration says to the supervisor.
    var settings: [String: String] = [:]
    let started = Clock.monotonic()
    /// When patience with what it is doing ends; nil: never.
    var deadline: Int64?

    private init(
        number: UInt64, reason: Reason, process: pid_t, channel: PacketSocket, console: Int32
    ) {
        self.number = number
        self.reason = reason
        self.process = process
        self.channel = channel
        self.console = console
    }

    /// Starts the binary that lies at the program's path now.
    static func start(
        _ number: UInt64, _ reason: Reason, program: String, arguments: [String], printsForItself: Bool
    ) throws(SystemProblem) -> Generation {
        let (own, theirs) = try PacketSocket.pair()
        let console = printsForItself ? nil : try? Pipe()
        let process = fork()
        if process == 0 {
            if let console { dup2(console.writing, STDERR_FILENO) }
            cs_reset_signals()
            // Until it listens to the supervisor itself.
            cs_die_with_parent(SIGKILL)
            _ = fcntl(theirs.fd, F_SETFD, 0)
            setenv(Handover.variable, "\(Handover.version):\(theirs.fd)", 1)
            execute(program, [program] + arguments)
            Program.complain("apus: cannot start \(program): \(systemError(errno))\n")
            _exit(127)
        }
        let code = errno
        theirs.close()
        if let console { close(console.writing) }
        guard process > 0 else {
            own.close()
            if let console { close(console.reading) }
            throw SystemProblem(code)
        }
        own.stopBlocking()
        if let console { _ = fcntl(console.reading, F_SETFL, O_NONBLOCK) }
        return Generation(number: number, reason: reason, process: process, channel: own, console: console?.reading ?? -1)
    }

    /// Introduces itself and hands over what is kept.
    func welcome(_ table: DescriptorTable) {
        channel.send(Packet("generation", ["\(number)", reason.rawValue]))
        for (name, entry) in table.entries { channel.send(Packet("have", [name, entry.note], descriptor: entry.descriptor)) }
        channel.send(Packet("begin"))
    }

    /// A time in microseconds that its configuration gives; nil: none, or without limit.
    func duration(_ setting: String) -> Int64? { settings[setting].flatMap { Int64($0) }.flatMap { $0 > 0 ? $0 : nil } }

    /// Signals all its processes. Only once it has a process group of its own.
    func signalGroup(_ number: Int32) { _ = Glibc.kill(-process, number) }

    /// Whether any of its processes is left.
    var hasProcesses: Bool { Glibc.kill(-process, 0) == 0 || errno == EPERM }

    func closeConsole() {
        if console >= 0 { close(console) }
        console = -1
    }

    /// Ends all its processes, at once.
    func kill() {
        Glibc.kill(process, SIGKILL)
        signalGroup(SIGKILL)
    }

    func forget() {
        closeConsole()
        channel.close()
        for name in offers.entries.keys { offers.remove(name) }
    }
}
