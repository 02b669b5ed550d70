import Glibc

/// The three streams of a process that serves.
enum StandardStreams {
    /// Lets go of the terminal: messages of libraries, and what the Swift runtime says before it traps, belong into the log.
    static func leaveTerminal(isForeground: Bool) {
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        guard null >= 0 else { return }
        defer { Glibc.close(null) }
        dup2(null, STDIN_FILENO)
        if !isForeground { dup2(null, STDOUT_FILENO) }
        if let log = ErrorLog.standard, !log.pointee.kind.isSystem {
            dup2(log.pointee.fd, STDERR_FILENO)
        } else {
            dup2(isForeground ? LogSinks.standardError : null, STDERR_FILENO)
        }
    }

    /// Lets go of the log, too.
    static func close() {
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        guard null >= 0 else { return }
        dup2(null, STDERR_FILENO)
        Glibc.close(null)
    }
}
