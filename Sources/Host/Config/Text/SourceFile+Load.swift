import Glibc

/// Why a configuration file cannot be read.
struct SourceReadFailure: Error {
    let message: String
    let hint: String?
    /// Whether there is no such file, which an `IncludeOptional` does not mind.
    let isAbsent: Bool

    init(_ message: String, hint: String? = nil, isAbsent: Bool = false) {
        self.message = message
        self.hint = hint
        self.isAbsent = isAbsent
    }

    /// The failure of a system call on `path`.
    init(errno code: Int32, path: String) {
        let reason = String(cString: strerror(code))
        self.init(
            "cannot read the configuration file \(path): \(reason)", hint: Self.hint(for: code),
            isAbsent: code == ENOENT || code == ENOTDIR)
    }

    private static func hint(for code: Int32) -> String? {
        switch code {
        case ENOENT, ENOTDIR:
            "check the path; relative paths start at ServerRoot, and IncludeOptional passes over absent files"
        case EACCES: "the user that starts the server needs read permission on the file and its directories"
        default: nil
        }
    }
}

extension SourceFile {
    /// Reads a configuration file whole. A byte order mark at its beginning, an editor's doing, is dropped.
    static func load(
        _ path: String, includedFrom place: SourceLocation?
    ) throws(SourceReadFailure) -> SourceFile {
        try checkKind(of: path)
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SourceReadFailure(errno: errno, path: path) }
        defer { close(descriptor) }
        let bytes = try readAll(descriptor, path: path)
        let content = bytes.hasPrefix("\u{FEFF}") ? Array(bytes.dropFirst(3)) : bytes
        return SourceFile(path: path, bytes: content, includedFrom: place)
    }

    /// Refuses what is not a regular file before it is opened: opening a FIFO or a device may block or act.
    private static func checkKind(of path: String) throws(SourceReadFailure) {
        var status = stat()
        guard stat(path, &status) == 0 else { throw SourceReadFailure(errno: errno, path: path) }
        let kind = status.st_mode & S_IFMT
        guard kind != S_IFREG, path != "/dev/null" else { return }
        if kind == S_IFDIR {
            throw SourceReadFailure(
                "cannot read \(path): it is a directory", hint: "name a file in it")
        }
        throw SourceReadFailure(
            "cannot read \(path): it is not a regular file", hint: "devices, sockets and FIFOs are not read")
    }

    private static func readAll(_ descriptor: Int32, path: String) throws(SourceReadFailure) -> [UInt8] {
        var content: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            if count > 0 {
                content.append(contentsOf: chunk[..<count])
            } else if count == 0 {
                return content
            } else if errno != EINTR {
                throw SourceReadFailure(errno: errno, path: path)
            }
        }
    }
}
