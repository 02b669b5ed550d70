import ByteKit
import CSystem
import Glibc
import ModuleABI

/// A listening socket, shared by the workers.
struct Listener {
    var fd: Int32
    var address: SocketAddress
    /// Bound to every address, so that a connection's local one must be asked for when it matters.
    var isWildcard: Bool
    /// Connections that may wait to be accepted.
    var backlog: Int32
    var appetite = Appetite()

    /// How many connections this worker takes at a wake-up: as many as there were at once lately. One that has to look
    /// and finds none has looked in vain, so more are tried only now and then.
    struct Appetite {
        private static let most = 16
        private static let pause = 8

        private(set) var size = 1
        private var restraint = 0

        mutating func learn(taken: Int) {
            if taken < size {
                size = max(taken, 1)
                restraint = Appetite.pause
            } else if restraint > 0 {
                restraint -= 1
            } else {
                size = min(size * 2, Appetite.most)
            }
        }
    }

    /// What ListenBackLog, SendBufferSize and ReceiveBufferSize say; sizes in bytes, 0: the system's.
    struct Settings {
        var backlog: Int32 = 511
        var sendBuffer: Int32 = 0
        var receiveBuffer: Int32 = 0
    }

    /// Whether the kernel speaks IPv6: one socket then serves both.
    static let systemHasIPv6: Bool = {
        let fd = socket(AF_INET6, Int32(SOCK_STREAM.rawValue), 0)
        guard fd >= 0 else { return false }
        close(fd)
        return true
    }()

    /// Binds and listens. Throws the errno.
    static func open(_ address: SocketAddress, _ settings: Settings) throws(SystemProblem) -> Listener {
        let family = address.isIPv4 ? AF_INET : AF_INET6
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let fd = socket(family, kind, 0)
        guard fd >= 0 else { throw SystemProblem(errno) }
        set(fd, SOL_SOCKET, SO_REUSEADDR, 1)
        if !address.isIPv4 { set(fd, Int32(IPPROTO_IPV6), IPV6_V6ONLY, address.isWildcard ? 0 : 1) }
        let bound = address.withSockaddr { bind(fd, $0, $1) }
        guard bound == 0 else {
            let problem = SystemProblem(errno)
            close(fd)
            throw problem
        }
        return try adopt(fd, address, settings)
    }

    /// Listens on a socket that is bound already, and perhaps in use. Throws the errno, the socket closed.
    static func adopt(_ fd: Int32, _ address: SocketAddress, _ settings: Settings) throws(SystemProblem) -> Listener {
        _ = fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK)
        // Accepted sockets inherit it: answers leave at once.
        set(fd, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        if settings.sendBuffer > 0 { set(fd, SOL_SOCKET, SO_SNDBUF, settings.sendBuffer) }
        if settings.receiveBuffer > 0 { set(fd, SOL_SOCKET, SO_RCVBUF, settings.receiveBuffer) }
        guard listen(fd, settings.backlog) == 0 else {
            let problem = SystemProblem(errno)
            close(fd)
            throw problem
        }
        return Listener(fd: fd, address: address, isWildcard: address.isWildcard, backlog: settings.backlog)
    }

    /// The address a socket of somebody else's is bound to; nil: it is no TCP socket.
    static func address(of fd: Int32) -> SocketAddress? {
        var kind: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(fd, SOL_SOCKET, SO_TYPE, &kind, &size) == 0, kind == Int32(SOCK_STREAM.rawValue) else { return nil }
        var storage = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        let status = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(fd, $0, &length) }
        }
        return status == 0 ? withUnsafePointer(to: &storage) { SocketAddress(UnsafeRawPointer($0)) } : nil
    }

    private static func set(_ fd: Int32, _ level: Int32, _ option: Int32, _ value: Int32) {
        var value = value
        setsockopt(fd, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }
}

/// An errno as an error.
struct SystemProblem: Error {
    let code: Int32
    init(_ code: Int32) { self.code = code }
    var description: String { systemError(code) }
}
