import Glibc
import ModuleKit

/// The first line that a program writes, for `exec:PROGRAM ARGUMENTS`. It runs while the configuration is read.
func output(of line: Bytes, _ command: Command) throws -> Bytes {
    guard command.scopeKind != APUS_SCOPE_HTACCESS else {
        throw DirectiveError("\(command.name.string): exec: is not for .htaccess files, whose authors may not run programs")
    }
    let words = line.string.split(separator: " ").map(String.init)
    guard let program = words.first else { throw DirectiveError("\(command.name.string): exec: needs a program") }
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw DirectiveError("cannot make a pipe: \(String(cString: strerror(errno)))") }
    defer { close(ends[0]) }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { arguments.forEach { free($0) } }
    var child: pid_t = 0
    let failure = posix_spawn(&child, program, &actions, nil, &arguments, environ)
    close(ends[1])
    guard failure == 0 else { throw DirectiveError("cannot run \(program): \(String(cString: strerror(failure)))") }
    let text = firstLine(from: ends[0])
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0, errno == EINTR {}
    guard status == 0, !text.isEmpty else { throw DirectiveError("\(program) failed, or wrote nothing: its first line is the passphrase") }
    return text.withUnsafeBytes { command.pool.copy(Bytes($0)) }
}

/// Reads to the end, so that the program is not ended by a closed pipe.
private func firstLine(from descriptor: Int32) -> ArraySlice<UInt8> {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    let limit = 64 << 10
    while true {
        let count = read(descriptor, &chunk, chunk.count)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { break }
        if bytes.count < limit { bytes += chunk[..<count] }
    }
    let line = bytes.prefix { $0 != 0x0a }
    return line.last == 0x0d ? line.dropLast() : line
}
