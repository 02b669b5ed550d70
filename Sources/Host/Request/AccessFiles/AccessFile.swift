import ByteKit
import Glibc
import ModuleABI

/// The .htaccess file of one directory, as one server reads it: what it says, that it is not there, or why it is of no use.
final class AccessFile {
    /// The longest text that is read. httpd knows no limit, but nobody writes a megabyte by hand.
    static let longest = 1 << 20

    /// With a slash at the end.
    let directory: [UInt8]
    let server: ServerDraft
    let override: AccessOverride
    /// Whether it has to be looked at before it is used again.
    var isDirty = true
    /// Whether no event will tell of a change, so that each request has to look.
    private(set) var isPolled = true
    private(set) var section: UnsafePointer<Section>?
    /// What a request has to be answered with; APUS_OK: nothing is wrong.
    private(set) var status = APUS_OK
    private var complaint = ""
    /// The errno that it is about.
    private var error: Int32 = 0
    private var arena: Arena.Ref?
    /// Nil: there is none.
    private var text: [UInt8]?
    private var path = ""
    /// What stat said of each name that was tried, nil where there was nothing.
    private var stamps: [FileInfo?] = []

    init(directory: [UInt8], server: ServerDraft, override: AccessOverride) {
        self.directory = directory
        self.server = server
        self.override = override
    }

    // MARK: Looking

    /// Looks at the file. Returns the memory that is no longer needed, and the section that lies in it.
    func look(_ watcher: PathWatcher?) -> (arena: Arena.Ref, section: UInt32?)? {
        isDirty = false
        stamps = []
        // Watched before it is looked at: what changes from here on raises an event.
        isPolled = watcher?.observe(self) != true
        for name in names {
            switch open(name) {
            case .absent: stamps.append(nil)
            case .refused(let code):
                isPolled = true
                return settle(
                    nil, 403, "AH00529: \(path) cannot be read: \(systemError(code)); make the file readable and its directory searchable",
                    error: code)
            case .open(let descriptor):
                defer { close(descriptor) }
                return take(descriptor, watcher)
            }
        }
        return settle(nil, APUS_OK, "")
    }

    private enum Opened {
        case absent, refused(errno: Int32), open(Int32)
    }

    private var names: [[UInt8]] {
        let names = server.server.pointee.core.pointee.accessFileNames
        return names.map { $0.map { Array($0.buffer) } } ?? [Array(".htaccess".utf8)]
    }

    private func open(_ name: [UInt8]) -> Opened {
        let whole = directory + name
        path = whole.configText
        // A FIFO must not hold the loop.
        let descriptor = Glibc.open(terminated(whole), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        if descriptor >= 0 { return .open(descriptor) }
        if errno == ENOENT || errno == ENOTDIR {
            // A link that leads nowhere may come to lead somewhere without a sign.
            var info = stat()
            if lstat(terminated(whole), &info) == 0 { isPolled = true }
            return .absent
        }
        return .refused(errno: errno)
    }

    private func terminated(_ bytes: [UInt8]) -> [CChar] { bytes.map { CChar(bitPattern: $0) } + [0] }

    private func take(_ descriptor: Int32, _ watcher: PathWatcher?) -> (arena: Arena.Ref, section: UInt32?)? {
        var info = stat()
        guard fstat(descriptor, &info) == 0, info.st_mode & S_IFMT == S_IFREG else {
            isPolled = true
            return settle(nil, 403, "AH00529: \(path) is not a regular file")
        }
        if watcher?.observe(descriptor, of: self, path: Array(path.utf8)) != true { isPolled = true }
        stamps.append(isSettled(info) ? FileInfo(info) : FileInfo())
        guard let read = readAll(descriptor) else {
            isPolled = true
            let code = errno
            return settle(nil, 403, "AH00529: \(path) cannot be read: \(systemError(code))", error: code)
        }
        guard read.count <= AccessFile.longest else {
            return settle(read, 500, "\(path) is longer than \(AccessFile.longest) bytes")
        }
        // The same words mean the same: what was made of them is kept.
        if read == text, status != 403 { return nil }
        return parse(read)
    }

    /// A file changed within this very moment could change again without its times telling.
    private func isSettled(_ info: stat) -> Bool { Clock.now() &* 1000 &- FileInfo(info).changed > 20_000_000 }

    private func readAll(_ descriptor: Int32) -> [UInt8]? {
        var content: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16 << 10)
        while content.count <= AccessFile.longest {
            let count = read(descriptor, &chunk, chunk.count)
            if count == 0 { break }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return nil }
            content.append(contentsOf: chunk[..<count])
        }
        return content.starts(with: [0xef, 0xbb, 0xbf]) ? Array(content.dropFirst(3)) : content
    }

    private func parse(_ text: [UInt8]) -> (arena: Arena.Ref, section: UInt32?)? {
        guard let runtime = Runtime.current else { return nil }
        let reader = AccessFileReader(runtime: runtime, server: server, override: override)
        let arena = Arena.make(nil, first: 2048)
        let outcome = directory.withUnsafeBytes { reader.read(text, path: path, directory: Bytes($0), into: arena) }
        for warning in outcome.warnings { ErrorLog.write(.warn, code: "APUS1401", server: server.server, warning) }
        let isFine = outcome.errors.isEmpty
        guard isFine, let section = outcome.section else {
            Arena.destroy(arena)
            return settle(text, isFine ? APUS_OK : 500, outcome.errors.joined(separator: "; "))
        }
        let old = settle(text, APUS_OK, "")
        self.arena = arena
        self.section = section
        return old
    }

    private func settle(_ text: [UInt8]?, _ status: apus_status, _ complaint: String, error: Int32 = 0) -> (
        arena: Arena.Ref, section: UInt32?
    )? {
        self.text = text
        self.status = status
        self.complaint = complaint
        self.error = error
        defer { (arena, section) = (nil, nil) }
        return arena.map { ($0, section?.pointee.id) }
    }

    /// It will not be asked again. Returns what `look` returns.
    func forget() -> (arena: Arena.Ref, section: UInt32?)? { settle(nil, APUS_OK, "") }

    /// Whether a file of this name in its directory would be read.
    func isNamed(_ name: Bytes) -> Bool { names.contains { $0.elementsEqual(name.buffer) } }

    // MARK: Polling

    /// Whether a look at the names would tell something else than the last one. For files that no events tell of.
    func hasChanged() -> Bool {
        for (index, name) in names.enumerated() {
            guard index < stamps.count else { return true }
            var info = stat()
            let isThere = stat(terminated(directory + name), &info) == 0
            guard let stamp = stamps[index] else {
                if isThere || errno != ENOENT && errno != ENOTDIR { return true }
                continue
            }
            return !isThere || !stamp.isSame(as: FileInfo(info))
        }
        return false
    }

    // MARK: Complaining

    /// Why a request cannot be answered.
    func report(_ r: Request.Ref) {
        ErrorLog.write(status == 403 ? .crit : .alert, code: "APUS1402", request: r, error: error, complaint)
    }
}
