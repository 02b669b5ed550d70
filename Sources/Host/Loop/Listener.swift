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

    static let backlog: Int32 = 511

    /// Whether the kernel speaks IPv6: one socket then serves both.
    static let systemHasIPv6: Bool = {
        let fd = socket(AF_INET6, Int32(SOCK_STREAM.rawValue), 0)
        guard fd >= 0 else { return false }
        close(fd)
        return true
    }()

    /// Binds and listens. Throws the errno.
    static func open(_ address: SocketAddress) throws(SystemProblem) -> Listener {
        let family = address.isIPv4 ? AF_INET : AF_INET6
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let fd = socket(family, kind, 0)
        guard fd >= 0 else { throw SystemProblem(errno) }
        set(fd, SOL_SOCKET, SO_REUSEADDR, 1)
        // Accepted sockets inherit it: answers leave at once.
        set(fd, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        if !address.isIPv4 { set(fd, Int32(IPPROTO_IPV6), IPV6_V6ONLY, address.isWildcard ? 0 : 1) }
        let bound = address.withSockaddr { bind(fd, $0, $1) }
        guard bound == 0, listen(fd, backlog) == 0 else {
            let problem = SystemProblem(errno)
            close(fd)
            throw problem
        }
        return Listener(fd: fd, address: address, isWildcard: address.isWildcard)
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
