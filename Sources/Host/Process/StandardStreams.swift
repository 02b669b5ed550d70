import Glibc

/// The three streams of a process that serves.
enum StandardStreams {
    /// Whoever started this may have closed some: no other descriptor must take their place.
    static func makeSure() {
        var fd: Int32
        repeat { fd = open("/dev/null", O_RDWR) } while fd >= 0 && fd <= STDERR_FILENO
        if fd > STDERR_FILENO { Glibc.close(fd) }
    }

    /// Lets go of the terminal: messages of libraries, and what the Swift runtime says before it traps, belong into the log.
    static func leaveTerminal(isForeground: Bool) {
        close(isForeground ? [STDIN_FILENO] : [STDIN_FILENO, STDOUT_FILENO])
        if let log = ErrorLog.standard, !log.pointee.kind.isSystem {
            dup2(log.pointee.fd, STDERR_FILENO)
        } else if isForeground {
            dup2(LogSinks.standardError, STDERR_FILENO)
        } else {
            close([STDERR_FILENO])
        }
    }

    /// Has streams lead nowhere.
    static func close(_ streams: [Int32]) {
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        guard null >= 0 else { return }
        for stream in streams { dup2(null, stream) }
        Glibc.close(null)
    }
}
