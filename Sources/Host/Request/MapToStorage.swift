import ByteKit
import CSystem
import Glibc
import ModuleABI

/// The core's translate_name and map_to_storage: from path to file name to file.
enum MapToStorage {
    /// A path is below the document root; the last of translate_name.
    static func translate(_ r: Request.Ref) -> apus_status {
        let path = r.pointee.path
        guard !path.isEmpty, path[0] == 0x2f else { return path == "*" ? APUS_OK : 400 }
        let root = r.pointee.server.pointee.core.pointee.documentRoot
        guard root.isSet else { return 404 }
        r.pointee.filename = r.pointee.arena.join(root, path)
        return APUS_OK
    }

    /// Looks at the file and merges the sections that hold for it; the last of map_to_storage.
    static func map(_ r: Request.Ref) -> apus_status {
        guard r.pointee.filename.isSet else { return APUS_OK }
        if r.pointee.filename.mayNotBePlain { makePlain(r) }
        if let file = r.pointee.main == nil || Worker.isLoopThread ? theWorker.pointee.files.find(r.pointee.filename) : nil {
            if let refusal = find(r, file) { return refusal }
        } else if let refusal = find(r) {
            return refusal
        }
        do throws(HeadProblem) {
            let status = try SectionWalk.all(r) ? LinkRules.check(r) : APUS_OK
            return status == APUS_OK ? HostNames.settle(r) : status
        } catch {
            return error.status
        }
    }

    /// A name that a module put together is made what the file system will make of it, before anybody looks for the sections
    /// that hold there: two slashes are one, "." and ".." lead where they say.
    private static func makePlain(_ r: Request.Ref) {
        let name = r.pointee.filename
        guard !name.isEmpty, name[0] == 0x2f else { return }
        let out = r.pointee.arena.allocate(UInt8.self, count: name.count + 1)
        var end = 0
        var at = 0
        while at < name.count {
            let next = name.firstIndex(of: 0x2f, from: at + 1) ?? name.count
            let segment = name[at + 1..<next]
            if segment == ".." {
                while end > 0, out[end - 1] != 0x2f { end -= 1 }
                end = max(end - 1, 0)
            } else if segment != ".", !segment.isEmpty || next == name.count {
                for byte in name[at..<next].buffer {
                    out[end] = byte
                    end += 1
                }
            }
            at = next
        }
        if end == 0 {
            out[0] = 0x2f
            end = 1
        }
        out[end] = 0
        r.pointee.filename = Bytes(UnsafeRawPointer(out), count: end)
    }

    /// The same for a name by which a file is open already: whether it is still that one is seen once in a turn of the loop.
    private static func find(_ r: Request.Ref, _ file: CachedFile.Ref) -> apus_status? {
        if file.pointee.lastLook == theWorker.pointee.turnNumber, theWorker.pointee.earlyRequest == r {
            r.pointee.file = file.pointee.info
        } else {
            if let refusal = find(r) { return refusal }
            guard r.pointee.file.isSame(as: file.pointee.info) else { return nil }
            file.pointee.lastLook = theWorker.pointee.turnNumber
        }
        CachedFile.hold(file, for: r)
        return nil
    }

    /// Finds the file that the name leads to; what follows a file is path info. Answers a status to refuse with.
    private static func find(_ r: Request.Ref) -> apus_status? {
        let filename = r.pointee.filename
        var info = stat()
        if stat(filename.ptr, &info) == 0 {
            r.pointee.file = FileInfo(info)
            return nil
        }
        switch errno {
        case ENOENT, ENOTDIR:
            // A symbolic link that leads nowhere is there, but may not be followed.
            if lstat(filename.ptr, &info) == 0 { return 403 }
            return findAbove(r)
        case EACCES:
            ErrorLog.write(
                .error, code: "AH00035", request: r, error: EACCES,
                "access to \(filename.string) denied: search permission is missing on a directory of the path")
            return 403
        case ENAMETOOLONG, ELOOP: return 403
        case let code:
            ErrorLog.write(.error, code: "AH00036", request: r, error: code, "cannot look at \(filename.string): \(systemError(code))")
            return 403
        }
    }

    /// The deepest part of the path that exists. Below a directory one further name is the file that is missing; what
    /// follows a file, or the missing name, is path info.
    private static func findAbove(_ r: Request.Ref) -> apus_status? {
        let whole = r.pointee.filename
        // In the request's own memory, so that the name can be cut and mended in place.
        let bytes = UnsafeMutablePointer(mutating: whole.ptr.unsafelyUnwrapped)
        var end = whole.count
        while let slash = whole.upTo(end).lastIndex(of: 0x2f), slash > 0 {
            end = slash
            bytes[end] = 0
            var info = stat()
            let found = stat(bytes, &info) == 0
            bytes[end] = 0x2f
            guard found else { continue }
            let file = FileInfo(info)
            let next = whole.firstIndex(of: 0x2f, from: end + 1) ?? whole.count
            let cut = file.kind == .directory ? next : end
            r.pointee.file = file.kind == .directory ? FileInfo() : file
            r.pointee.pathInfo = cut < whole.count ? r.pointee.arena.copy(whole.from(cut)) : .none
            r.pointee.filename = r.pointee.arena.copy(whole.upTo(cut))
            return nil
        }
        return nil
    }
}

/// Symbolic links where Options does not simply allow them: each part of the path is looked at, and what it leads
/// through must be allowed by the directory that holds it.
///
/// Between that look and the opening of the file somebody may put a link in its place. So a path without links is opened
/// in a way that follows none, and one with allowed links is looked at again when the file is open.
enum LinkRules {
    /// Whether an open file is still the one that was found, by links that are still allowed.
    static func holds(_ r: Request.Ref, _ file: CachedFile.Ref) -> Bool {
        guard r.pointee.file.links == .allowed else { return true }
        return file.pointee.info.inode == r.pointee.file.inode && file.pointee.info.device == r.pointee.file.device
            && check(r) == APUS_OK
    }

    static func check(_ r: Request.Ref) -> apus_status {
        let name = r.pointee.filename
        guard r.pointee.file.kind != .none, let start = name.ptr else { return APUS_OK }
        r.pointee.file.links = .none
        let bytes = UnsafeMutablePointer(mutating: start)
        var end = name.firstIndex(of: 0x2f, from: 1) ?? name.count
        var directory = Bytes("/")
        while true {
            let saved = end < name.count ? bytes[end] : 0
            if end < name.count { bytes[end] = 0 }
            let verdict = checkPart(bytes, in: directory, r)
            if end < name.count { bytes[end] = saved }
            guard verdict == APUS_OK, end < name.count else { return verdict }
            directory = name.upTo(end + 1)
            end = name.firstIndex(of: 0x2f, from: end + 1) ?? name.count
            if directory.count == name.count { return APUS_OK }
        }
    }

    private static func checkPart(_ path: UnsafePointer<CChar>, in directory: Bytes, _ r: Request.Ref) -> apus_status {
        var link = stat()
        guard lstat(path, &link) == 0 else { return 403 }
        guard link.st_mode & S_IFMT == S_IFLNK else { return APUS_OK }
        r.pointee.file.links = .allowed
        let options = options(of: directory, r)
        if options.contains(.followSymLinks) { return APUS_OK }
        var target = stat()
        if options.contains(.symLinksIfOwnerMatch), stat(path, &target) == 0, target.st_uid == link.st_uid { return APUS_OK }
        ErrorLog.write(
            .error, code: "AH00037", request: r,
            "the symbolic link \(String(cString: path)) may not be followed: Options there has neither FollowSymLinks "
                + "nor SymLinksIfOwnerMatch with the same owner")
        return 403
    }

    /// The options in force in one directory of the path.
    private static func options(of directory: Bytes, _ r: Request.Ref) -> OptionBits {
        var conf = r.pointee.server.pointee.dirConf.pointee.core.pointee
        guard let table = r.pointee.server.pointee.sections else { return conf.effectiveOptions }
        func apply(_ section: Section) {
            guard section.matches(directory: directory), let own = section.core else { return }
            conf = own.pointee.merged(over: conf, r.pointee.arena)
        }
        // A file on the way that cannot be used has been found before, and ended the request.
        if let walk = try? SectionWalk.walk(FilePlace(r).directory, r, table) {
            for section in walk.pointee.sections { apply(section.pointee) }
        } else {
            for section in table.pointee.directories { apply(section) }
        }
        return conf.effectiveOptions
    }
}
