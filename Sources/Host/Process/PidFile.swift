import Glibc

/// The file that tells the process to signal.
struct PidFile {
    let path: String

    /// The process that the file names, when it runs.
    var runningProcess: pid_t? {
        guard let pid = recorded, pid > 1, kill(pid, 0) == 0 || errno == EPERM else { return nil }
        return isServer(pid) ? pid : nil
    }

    /// The number in the file.
    var recorded: pid_t? {
        let fd = open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { return nil }
        defer { close(fd) }
        var bytes = [UInt8](repeating: 0, count: 32)
        let count = read(fd, &bytes, bytes.count)
        guard count > 0 else { return nil }
        let digits = bytes[..<count].prefix { $0 >= 0x30 && $0 <= 0x39 }
        return pid_t(String(decoding: digits, as: UTF8.self))
    }

    /// A number that was given to another program since the file was written must not be signalled.
    private func isServer(_ pid: pid_t) -> Bool {
        var target = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = readlink("/proc/\(pid)/exe", &target, target.count)
        guard length > 0 else { return true }
        return target[..<length].map { UInt8(bitPattern: $0) }.configText[...].range(ofText: "apus") != nil
    }

    /// Writes the file anew, whole or not at all.
    func write(_ pid: pid_t) throws(SystemProblem) {
        let temporary = "\(path).\(pid)"
        let fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard fd >= 0 else { throw SystemProblem(errno) }
        let text = "\(pid)\n"
        let count = text.utf8.count
        let written = text.withCString { Glibc.write(fd, $0, count) }
        close(fd)
        guard written == count, rename(temporary, path) == 0 else {
            let problem = SystemProblem(errno)
            unlink(temporary)
            throw problem
        }
    }

    func remove() { unlink(path) }
}
