import Glibc
import ModuleKit

/// One line of a listing. Its strings live as long as the request.
struct Entry: BitwiseCopyable {
    /// As it is shown: directories end in a slash.
    var name: Bytes
    var isParent = false
    /// Sorted before all files.
    var leads = false
    var size: Int64 = -1
    /// Seconds since 1970; -1: not shown.
    var modified: Int64 = -1
    var icon: Bytes?
    var alt: Bytes?
    var description: Bytes?
}

/// Makes entries of the names in a directory.
struct EntryMaker {
    let request: Request
    let conf: UnsafePointer<IndexConf>
    let options: IndexOptions
    /// Only names that fit it are listed.
    let pattern: Bytes?

    private var isFancy: Bool { !options.isDisjoint(with: .isFancy) }

    /// The directory above; nil at the root, or when it is ignored.
    func parent() -> Entry? {
        guard request.path != "/" else { return nil }
        let path = request.pool.join(request.directory, Bytes(".."))
        guard !conf.pointee.ignores(path) else { return nil }
        var entry = Entry(name: Bytes("../"), isParent: true)
        guard options.contains(.fancyIndexing) else { return entry }
        let conf = conf.pointee
        entry.icon = conf.value(conf.icons, path: path) ?? conf.value(conf.icons, path: IndexConf.directoryMark)
        entry.alt = conf.value(conf.alts, path: path) ?? conf.value(conf.alts, path: IndexConf.directoryMark)
            ?? Bytes("PARENTDIR")
        entry.description = conf.description(of: path)
        return entry
    }

    /// An entry of the directory, unless the client may not see it.
    func entry(named name: Bytes) -> Entry? {
        if name == "." || name == ".." { return nil }
        let path = request.pool.join(request.directory, name)
        guard !conf.pointee.ignores(path), fitsPattern(name), let found = try? request.lookupFile(name) else {
            return nil
        }
        defer { found.destroy() }
        guard isVisible(found) else { return nil }
        let isDirectory = found.fileType == APUS_FILE_DIRECTORY
        var entry = Entry(name: isDirectory ? request.pool.join(name, Bytes("/")) : request.pool.copy(name))
        if isFancy { describe(&entry, found, path, isDirectory: isDirectory) }
        return entry
    }

    private func fitsPattern(_ name: Bytes) -> Bool {
        guard let pattern else { return true }
        return fnmatch(pattern.ptr, name.ptr, FNM_NOESCAPE | FNM_PERIOD) == 0
    }

    private func isVisible(_ found: Request) -> Bool {
        guard found.fileType == APUS_FILE_DIRECTORY || found.fileType == APUS_FILE_REGULAR else { return false }
        switch found.status {
        case 200...399: return true
        case 401, 403: return options.contains(.showForbidden)
        default: return false
        }
    }

    private func describe(_ entry: inout Entry, _ found: Request, _ path: Bytes, isDirectory: Bool) {
        let conf = conf.pointee
        entry.modified = found.fileModified / 1_000_000
        if isDirectory {
            entry.leads = options.contains(.foldersFirst)
            let mark = IndexConf.directoryMark
            entry.icon = conf.value(conf.icons, path: path) ?? conf.value(conf.icons, path: mark)
            entry.alt = conf.value(conf.alts, path: path) ?? conf.value(conf.alts, path: mark) ?? Bytes("DIR")
        } else {
            let type = found.contentType.withoutParameters
            let encoding = found.contentEncoding
            entry.icon = conf.value(conf.icons, path: path, type: type, encoding: encoding)
            entry.alt = conf.value(conf.alts, path: path, type: type, encoding: encoding)
            entry.size = found.fileSize
        }
        entry.description = conf.description(of: path)
        if entry.description == nil, options.contains(.scanHTMLTitles) {
            entry.description = HTMLTitle.read(found, into: request.pool)
        }
    }
}

extension apus_str {
    /// A media type alone.
    var withoutParameters: Bytes { upTo(firstIndex(of: UInt8(ascii: ";")) ?? count).trimmed }
}

extension Request {
    /// The directory that is listed, with a slash at its end.
    var directory: Bytes { filename.hasSuffix(Bytes("/")) ? filename : pool.join(filename, Bytes("/")) }
}

/// The title of an HTML document, for ScanHTMLTitles.
enum HTMLTitle {
    private static let readLimit = 8191

    static func read(_ found: Request, into pool: Pool) -> Bytes? {
        let type = found.contentType.withoutParameters
        guard type == "text/html" || type == "application/xhtml+xml", found.contentEncoding.isEmpty else { return nil }
        let fd = open(found.filename.ptr.unsafelyUnwrapped, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard fd >= 0 else { return nil }
        defer { close(fd) }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: readLimit) { room in
            let got = Glibc.read(fd, room.baseAddress, room.count)
            guard got > 0 else { return nil }
            return title(in: Bytes(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(room)[..<got])), pool)
        }
    }

    private static func title(in text: Bytes, _ pool: Pool) -> Bytes? {
        var start = 0
        while let tag = text.firstIndex(of: UInt8(ascii: "<"), from: start) {
            start = tag + 1
            guard text.from(tag).hasPrefixIgnoringCase("<title>") else { continue }
            let begin = tag + 7
            let title = text[begin..<(text.firstIndex(of: UInt8(ascii: "<"), from: begin) ?? text.count)]
            return pool.compose(capacity: title.count) { writer in
                for byte in title.buffer { writer.append(byte == 10 || byte == 13 ? UInt8(ascii: " ") : byte) }
            }
        }
        return nil
    }
}
