import CSystem
import Glibc

/// What systemd, or a service manager like it, wants to be told, and what it hands over. sd_notify(3), sd_listen_fds(3).
struct ServiceManager {
    private let socketPath: String?
    /// Listening sockets that were opened for this process.
    let sockets: [Int32]
    /// How often it wants a sign of life, in microseconds.
    let watchdog: Int64?

    /// Reads what the environment says and removes it: it is not meant for other processes.
    init() {
        socketPath = ServiceManager.takeVariable("NOTIFY_SOCKET")
        let isForUs = { (variable: String) in Int32(ServiceManager.takeVariable(variable) ?? "") == getpid() }
        let count = Int32(ServiceManager.takeVariable("LISTEN_FDS") ?? "") ?? 0
        sockets = isForUs("LISTEN_PID") && count > 0 && count < 4096 ? Array(3..<3 + count) : []
        for fd in sockets { _ = fcntl(fd, F_SETFD, FD_CLOEXEC) }
        _ = ServiceManager.takeVariable("LISTEN_FDNAMES")
        let interval = Int64(ServiceManager.takeVariable("WATCHDOG_USEC") ?? "")
        let watched = ServiceManager.takeVariable("WATCHDOG_PID").map { Int32($0) == getpid() } ?? true
        watchdog = watched ? interval.flatMap { $0 > 0 ? max($0 / 2, 1000) : nil } : nil
    }

    private static func takeVariable(_ name: String) -> String? {
        guard let value = getenv(name).map({ String(cString: $0) }) else { return nil }
        unsetenv(name)
        return value
    }

    func notifyReady(_ status: String) { notify("READY=1\nMAINPID=\(getpid())\nSTATUS=\(status)") }
    func notifyReloading() { notify("RELOADING=1\nMONOTONIC_USEC=\(Clock.monotonic())\nSTATUS=Reloading") }
    func notifyStopping() { notify("STOPPING=1\nSTATUS=Stopping") }
    func notifyAlive() { if watchdog != nil { notify("WATCHDOG=1") } }

    private func notify(_ text: String) {
        guard let socketPath, let address = UnixAddress(socketPath.hasPrefix("@") ? "\0\(socketPath.dropFirst())" : socketPath)
        else { return }
        let fd = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard fd >= 0 else { return }
        defer { close(fd) }
        let bytes = Array(text.utf8)
        _ = address.withSockaddr { sendto(fd, bytes, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT), $0, $1) }
    }
}

/// The name of a Unix socket: a path, or an abstract name that begins with a NUL.
struct UnixAddress {
    private var storage = sockaddr_un()
    private let length: socklen_t

    /// Nil: the name is too long.
    init?(_ name: String) {
        let bytes = Array(name.utf8)
        let room = MemoryLayout.size(ofValue: storage.sun_path)
        guard !bytes.isEmpty, bytes.count < room else { return nil }
        storage.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &storage.sun_path) { $0.copyBytes(from: bytes) }
        length = socklen_t(MemoryLayout<sockaddr_un>.size - room + bytes.count + (bytes[0] == 0 ? 0 : 1))
    }

    func withSockaddr<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
        withUnsafePointer(to: storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
        }
    }
}
