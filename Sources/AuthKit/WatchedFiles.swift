public import ByteKit
public import ModuleKit

/// The files of lines that a configuration names, one object a file. Used while the configuration is read, and by .htaccess
/// files on the loop.
public final class WatchedFiles<Content: AnyObject> {
    private var files: [String: WatchedFile<Content>] = [:]
    private let longestLine: Int
    private let code: StaticString
    private let parse: (Bytes) -> FileReading<Content>

    /// - Parameters:
    ///   - longestLine: the bytes of the longest line that `parse` reads.
    ///   - code: of the message about lines that are left out.
    ///   - parse: makes the content; may be called on any thread.
    public init(longestLine: Int, code: StaticString, parse: @escaping (Bytes) -> FileReading<Content>) {
        self.longestLine = longestLine
        self.code = code
        self.parse = parse
    }

    /// Bytes of files whose content is kept: whoever may write .htaccess files can name any number of them.
    private static var mostBytes: Int64 { 512 << 20 }

    /// Forgets what was not asked for the longest, but for the one that was read just now.
    private func makeRoom() {
        var kept = files.values.filter { $0.size > 0 }.sorted { $0.lastLook < $1.lastLook }[...]
        var total = kept.reduce(0) { $0 + $1.size }
        while total > WatchedFiles.mostBytes, kept.count > 1, let oldest = kept.popFirst() {
            total -= oldest.size
            oldest.forget()
        }
    }

    /// The file at a path, which lives as long as the process.
    public func file(_ path: Bytes, _ host: Host) -> Unmanaged<WatchedFile<Content>> {
        let name = path.string
        if let known = files[name] { return .passUnretained(known) }
        // The directive's own memory may be that of a file that is read again.
        let path = Bytes.immortal(path)
        let file = WatchedFile(path, parse: parse) { [unowned self] reading in
            if reading.content != nil { self.makeRoom() }
            guard !reading.faults.isEmpty else { return }
            host.log.write(.error, code: self.code, reading.faults.message(path, longest: self.longestLine))
        }
        files[name] = file
        return .passUnretained(file)
    }
}
