import CSystem
import Glibc

/// A process that leaves its terminal. The one that was started waits until the server is ready or has failed, so that
/// its exit status tells.
final class Daemon {
    /// In the process that was started: what it should end with. Nil: this is the daemon.
    let parentStatus: Int32?
    private var report: Int32

    private init(parentStatus: Int32?, report: Int32) {
        self.parentStatus = parentStatus
        self.report = report
    }

    static func detach() -> Daemon {
        var ends: (Int32, Int32) = (0, 0)
        let made = withUnsafeMutablePointer(to: &ends) {
            $0.withMemoryRebound(to: Int32.self, capacity: 2) { cs_pipe2($0, O_CLOEXEC) }
        }
        guard made == 0 else { return Daemon(parentStatus: 1, report: -1) }
        let child = fork()
        guard child == 0 else {
            close(ends.1)
            var status: UInt8 = 1
            if child > 0 { while read(ends.0, &status, 1) < 0, errno == EINTR {} }
            return Daemon(parentStatus: Int32(status), report: -1)
        }
        close(ends.0)
        setsid()
        return Daemon(parentStatus: nil, report: ends.1)
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

    /// Lets the starter end. The first report counts.
    func reportStatus(_ status: Int32) {
        guard report >= 0 else { return }
        var byte = UInt8(truncatingIfNeeded: status)
        _ = write(report, &byte, 1)
        close(report)
        report = -1
    }
}
