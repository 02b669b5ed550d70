import Glibc

/// A file of lines that is read whole and replaced in one step.
struct PasswordFile {
    let path: String

    init(_ path: String) { self.path = path }

    /// A line without its end.
    struct Line {
        let bytes: [UInt8]

        init(_ bytes: [UInt8]) { self.bytes = bytes }

        /// Blank, or a comment.
        var isNoEntry: Bool {
            let first = bytes.first { $0 != 0x20 && $0 != 0x09 }
            return first == nil || first == UInt8(ascii: "#")
        }
    }

    private func problem(_ what: String) -> Failure {
        Failure(ExitCode.file, "cannot \(what) file \(path): \(String(cString: strerror(errno)))")
    }

    /// All lines.
    /// - Parameter isEntry: what every line that is neither blank nor a comment must be.
    func read(mustExist: Bool, hint: String = "", isEntry: ([UInt8]) -> Bool) throws -> [Line] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            let isMissing = errno == ENOENT
            throw Failure(
                ExitCode.file,
                "cannot read file \(path): \(String(cString: strerror(errno)))"
                    + (isMissing && !hint.isEmpty ? "; \(hint)" : ""))
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw problem("read") }
            guard count > 0 else { break }
            bytes.append(contentsOf: chunk[..<count])
        }
        if bytes.last == 0x0a { bytes.removeLast() }
        guard !bytes.isEmpty else { return [] }
        let lines = bytes.split(separator: 0x0a, omittingEmptySubsequences: false).map { Line(Array($0)) }
        for (index, line) in lines.enumerated() where !line.isNoEntry && !isEntry(line.bytes) {
            throw Failure(
                ExitCode.notPasswords, "the file \(path) does not appear to be a valid password file: line \(index + 1)")
        }
        return lines
    }

    /// Whether the file can be made, before anybody is asked for a password.
    func checkWritable() throws {
        let isThere = access(path, F_OK) == 0
        guard access(isThere ? path : directory, W_OK) == 0 else { throw problem("create") }
    }

    private var directory: String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Puts the lines in the place of what is there: whoever reads meanwhile sees the old file or the new one, whole.
    func write(_ lines: [Line]) throws {
        let (target, mode, owner) = try destination()
        var template = Array("\(target).XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        guard descriptor >= 0 else { throw problem("write a new file beside the") }
        var isKept = false
        defer {
            close(descriptor)
            if !isKept { unlink(template) }
        }
        if let owner, geteuid() == 0 { _ = fchown(descriptor, owner.user, owner.group) }
        var bytes: [UInt8] = []
        for line in lines {
            bytes.append(contentsOf: line.bytes)
            bytes.append(0x0a)
        }
        guard writeAll(descriptor, bytes), fchmod(descriptor, mode) == 0, fsync(descriptor) == 0,
            rename(template, target) == 0
        else { throw problem("write") }
        isKept = true
    }

    /// The file behind symbolic links, with the mode and owner that its successor gets. What is no regular file, such as
    /// /dev/stdout, cannot be replaced.
    private func destination() throws -> (path: String, mode: mode_t, owner: (user: uid_t, group: gid_t)?) {
        var info = stat()
        guard stat(path, &info) == 0 else { return (path, 0o644, nil) }
        guard info.st_mode & S_IFMT == S_IFREG else {
            throw Failure(ExitCode.file, "cannot write file \(path): it is no regular file")
        }
        guard access(path, W_OK) == 0, let real = realpath(path, nil) else { throw problem("write") }
        defer { free(real) }
        return (String(cString: real), info.st_mode & 0o7777, (info.st_uid, info.st_gid))
    }

    private func writeAll(_ descriptor: Int32, _ bytes: [UInt8]) -> Bool {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + done, bytes.count - done) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            done += count
        }
        return true
    }
}
