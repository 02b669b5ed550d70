import Glibc

/// The file that tells the process to signal.
///
/// While the server runs it holds a lock on the file: so a number that was left behind, and has been given to another
/// server since, is not taken for this one.
struct PidFile {
    let path: String

    /// The process that the file names, when it runs.
    var runningProcess: pid_t? {
        guard let pid = recorded, pid > 1 || getpid() != 1, pid != getpid(), pid != getppid() else { return nil }
        guard kill(pid, 0) == 0 || errno == EPERM else { return nil }
        return isServer(pid) && isLocked ? pid : nil
    }

    /// The number in the file.
    var recorded: pid_t? {
        let fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
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

    /// Somebody holds the file. On a file system without locks nobody can tell, and the number alone must do.
    private var isLocked: Bool {
        let fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard fd >= 0 else { return true }
        defer { close(fd) }
        return flock(fd, LOCK_SH | LOCK_NB) != 0
    }

    /// Why it could not be written; nil: nothing is known to be in the way.
    var problem: SystemProblem? {
        var info = stat()
        if stat(path, &info) == 0, info.st_mode & S_IFMT == S_IFDIR { return SystemProblem(EISDIR) }
        return access(path.directory, W_OK | X_OK) == 0 ? nil : SystemProblem(errno)
    }

    /// Writes the file anew, whole or not at all. Returns the descriptor that holds the lock; the caller keeps it open.
    func write(_ pid: pid_t) throws(SystemProblem) -> Int32 {
        let temporary = "\(path).\(pid)"
        unlink(temporary)
        let fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard fd >= 0 else { throw SystemProblem(errno) }
        let text = "\(pid)\n"
        let count = text.utf8.count
        // Locked before anybody else can open it.
        flock(fd, LOCK_EX | LOCK_NB)
        let written = text.withCString { Glibc.write(fd, $0, count) }
        guard written == count, fchmod(fd, 0o644) == 0, rename(temporary, path) == 0 else {
            let problem = SystemProblem(written >= 0 && written < count ? ENOSPC : errno)
            close(fd)
            unlink(temporary)
            throw problem
        }
        return fd
    }

    /// Removes the file, unless another server has written its own there.
    func remove() {
        if recorded == getpid() { unlink(path) }
    }
}
