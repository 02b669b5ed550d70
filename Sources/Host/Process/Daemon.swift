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
        let pipe = try? Pipe()
        let child = pipe == nil ? -1 : fork()
        guard let pipe, child >= 0 else {
            Program.complain("apus: cannot become a daemon: \(systemError(errno))\n")
            return Daemon(parentStatus: 1, report: -1)
        }
        guard child == 0 else {
            close(pipe.writing)
            var status: UInt8 = 1
            while read(pipe.reading, &status, 1) < 0, errno == EINTR {}
            return Daemon(parentStatus: Int32(status), report: -1)
        }
        close(pipe.reading)
        setsid()
        return Daemon(parentStatus: nil, report: pipe.writing)
    }

    /// From here on nothing is printed: messages go to the log.
    func leaveTerminal() {
        StandardStreams.close([STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO])
    }

    /// Whether the starter has gone without waiting: nobody would know of a server that starts now.
    var isForsaken: Bool {
        guard report >= 0 else { return false }
        var entry = pollfd(fd: report, events: 0, revents: 0)
        return poll(&entry, 1, 0) == 1 && Int32(entry.revents) & POLLERR != 0
    }

    /// A descriptor that tells when that happens; -1: it does not matter any more.
    var watched: Int32 { report }

    /// Lets the starter end. The first report counts.
    func reportStatus(_ status: Int32) {
        guard report >= 0 else { return }
        var byte = UInt8(truncatingIfNeeded: status)
        _ = write(report, &byte, 1)
        close(report)
        report = -1
    }
}
