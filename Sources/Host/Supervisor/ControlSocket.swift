import CSystem
import Glibc

/// How `apus -k` talks to a running supervisor: a Unix socket in the abstract namespace, named by the process number.
///
/// It is a convenience beside the signals, which do the same but bring no answer: where the name is taken, there is none.
/// Invariant: only root and the user of the supervisor are heard.
enum ControlSocket {
    private static func address(of supervisor: pid_t) -> UnixAddress? { UnixAddress("\0apus/control/\(supervisor)") }

    private static func make() -> Int32 {
        socket(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue), 0)
    }

    /// The supervisor's end; -1: there is none.
    static func listen() -> Int32 {
        let fd = make()
        guard fd >= 0, let address = address(of: getpid()) else { return -1 }
        guard address.withSockaddr({ bind(fd, $0, $1) }) == 0, Glibc.listen(fd, 8) == 0 else {
            close(fd)
            return -1
        }
        _ = fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK)
        return fd
    }

    /// A client that may give orders.
    static func accept(_ fd: Int32) -> PacketSocket? {
        let client = cs_accept4(fd, nil, nil, Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue))
        guard client >= 0 else { return nil }
        guard let user = peer(client)?.user, user == 0 || user == geteuid() else {
            close(client)
            return nil
        }
        return PacketSocket(client)
    }

    /// A connection to the supervisor with that number; nil: it cannot be had, or somebody else bears the name.
    static func connect(to supervisor: pid_t) -> PacketSocket? {
        let fd = make()
        guard fd >= 0, let address = address(of: supervisor) else { return nil }
        let isConnected = address.withSockaddr { Glibc.connect(fd, $0, $1) } == 0
        guard isConnected, let peer = peer(fd), peer.process == supervisor, peer.user == 0 || peer.user == geteuid() else {
            close(fd)
            return nil
        }
        return PacketSocket(fd)
    }

    private static func peer(_ fd: Int32) -> (process: pid_t, user: uid_t)? {
        var process: pid_t = 0
        var user: uid_t = 0
        return cs_peer(fd, &process, &user) == 0 ? (process, user) : nil
    }
}
