import CSystem
import Glibc

/// A process that leaves its terminal. The one that was started waits until the server is ready or has failed, so that
/// its exit status tells.
struct Daemon {
    /// In the process that was started: what it should end with. Nil: this is the daemon.
    let parentStatus: Int32?
    private let ready: Int32

    static func detach() -> Daemon {
        var ends: (Int32, Int32) = (0, 0)
        let made = withUnsafeMutablePointer(to: &ends) {
            $0.withMemoryRebound(to: Int32.self, capacity: 2) { cs_pipe2($0, O_CLOEXEC) }
        }
        guard made == 0 else { return Daemon(parentStatus: 1, ready: -1) }
        let child = fork()
        guard child == 0 else {
            close(ends.1)
            var byte: UInt8 = 0
            let isReady = child > 0 && read(ends.0, &byte, 1) == 1
            return Daemon(parentStatus: isReady ? 0 : 1, ready: -1)
        }
        close(ends.0)
        setsid()
        return Daemon(parentStatus: nil, ready: ends.1)
    }

    /// From here on nothing is printed: messages go to the log.
    func leaveTerminal() {
        let null = open("/dev/null", O_RDWR)
        guard null >= 0 else { return }
        dup2(null, STDIN_FILENO)
        dup2(null, STDOUT_FILENO)
        dup2(null, STDERR_FILENO)
        if null > STDERR_FILENO { close(null) }
    }

    /// Lets the starter end.
    func reportReady() {
        var byte: UInt8 = 1
        _ = write(ready, &byte, 1)
        close(ready)
    }
}
