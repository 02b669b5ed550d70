import CSystem
import Glibc

/// Other programs.
enum Programs {
    /// Starts a program that is looked for in PATH.
    /// - Parameter output: where its standard output and errors go; -1: where ours go.
    static func start(_ words: [String], in directory: String? = nil, environment: [String: String] = [:], output: Int32 = -1) throws -> pid_t {
        let argv = cStrings(words)
        defer { argv.forEach { free($0) } }
        fflush(nil)
        let child = fork()
        guard child >= 0 else { throw Problem("cannot start \(words[0]): \(String(cString: strerror(errno)))") }
        if child == 0 {
            if let directory { _ = chdir(directory) }
            if output >= 0 {
                dup2(output, STDOUT_FILENO)
                dup2(output, STDERR_FILENO)
            }
            signal(SIGPIPE, SIG_DFL)
            for (name, value) in environment { setenv(name, value, 1) }
            execvp(words[0], argv)
            complain("cannot run \(words[0]): \(String(cString: strerror(errno)))\n")
            _exit(127)
        }
        return child
    }

    /// Waits for a program's end; a signal counts as 128 and its number, as in a shell.
    static func wait(_ process: pid_t) -> Int32 {
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        return cs_wait_exited(status) != 0 ? cs_wait_exit_status(status) : 128 + cs_wait_signal(status)
    }

    static func run(_ words: [String], in directory: String? = nil, environment: [String: String] = [:]) throws -> Int32 {
        wait(try start(words, in: directory, environment: environment))
    }

    private static func cStrings(_ words: [String]) -> [UnsafeMutablePointer<CChar>?] { words.map { strdup($0) } + [nil] }
}
