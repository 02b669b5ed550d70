import ByteKit
import CSystem
import Glibc

/// An open file with what answers about it need. Shared by all requests for it; the last to let go closes it.
struct CachedFile {
    typealias Ref = UnsafeMutablePointer<CachedFile>

    var name: Bytes
    var hash: UInt64
    var info: FileInfo
    var fd: Int32
    /// The whole content of a small file; none for larger ones.
    var content: Bytes
    /// Last-Modified, and after it the entity tag of the usual parts.
    var validators: Bytes
    /// See FileDigest; none: nobody has asked.
    var digest = Bytes.none
    /// The same for Content-MD5.
    var md5 = Bytes.none
    /// What is known of answers with it.
    var head = ReadyHead()
    var sections = KnownSections()
    var holders: Int32
    /// Its path led through no symbolic link when it was opened.
    var isWithoutLinks: Bool
    /// The last turn of the loop in which a stat of the name said what it said when the file was opened.
    var lastLook: Int64 = 0
    /// Still in the table.
    var isCached: Bool
    var wasUsed: Bool

    static func release(_ file: Ref) {
        file.pointee.holders -= 1
        guard file.pointee.holders == 0 else { return }
        close(file.pointee.fd)
        free(UnsafeMutableRawPointer(mutating: file.pointee.content.ptr))
        free(UnsafeMutableRawPointer(mutating: file.pointee.name.ptr))
        free(UnsafeMutableRawPointer(mutating: file.pointee.validators.ptr))
        free(UnsafeMutableRawPointer(mutating: file.pointee.digest.ptr))
        free(UnsafeMutableRawPointer(mutating: file.pointee.md5.ptr))
        file.pointee.head.clear()
        file.pointee.sections.clear()
        file.deallocate()
    }

    /// Holds it for a request until that one's memory goes.
    static func hold(_ file: Ref, for r: Request.Ref) {
        file.pointee.holders &+= 1
        keep(file, for: r)
    }

    /// The same for a hold that the caller has.
    static func keep(_ file: Ref, for r: Request.Ref) {
        r.pointee.openFile = file
        r.pointee.arena.pointee.onDestroy(UnsafeMutableRawPointer(file), releaseFile)
    }
}

private func releaseFile(_ raw: UnsafeMutableRawPointer?) {
    if let raw { CachedFile.release(raw.assumingMemoryBound(to: CachedFile.self)) }
}

/// Open files by name. An entry is used only while a stat of the name, made since the request began to come in, says what
/// it said when the file was opened: a changed, replaced or deleted file is seen by the next request.
struct FileCache {
    private static let slots = 2048
    /// At most a quarter of the files the process may open: connections need the rest.
    private static let capacity: Int = {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return min(1024, Int(min(limit.rlim_cur, 1 << 20)) / 4)
    }()
    static let contentLimit: Int64 = 32 << 10

    private let table: UnsafeMutablePointer<CachedFile.Ref?>
    private var count = 0
    private var hand = 0

    init() {
        table = .allocate(capacity: FileCache.slots)
        table.initialize(repeating: nil, count: FileCache.slots)
    }

    /// The file that is open under this name, which may lead to another by now.
    @inline(__always)
    func find(_ name: Bytes) -> CachedFile.Ref? {
        let hash = name.hashed
        var at = Int(truncatingIfNeeded: hash) & (FileCache.slots - 1)
        while let file = table[at] {
            if file.pointee.hash == hash, file.pointee.name == name { return file }
            at = (at &+ 1) & (FileCache.slots - 1)
        }
        return nil
    }

    /// The file, held for the caller. `info` is what stat just said of the name. Nil: it cannot be opened; see errno.
    @inline(never)
    mutating func open(_ name: Bytes, _ info: FileInfo) -> CachedFile.Ref? {
        let hash = name.hashed
        var at = Int(truncatingIfNeeded: hash) & (FileCache.slots - 1)
        while let file = table[at] {
            if file.pointee.hash == hash, file.pointee.name == name {
                if file.pointee.info.isSame(as: info), info.links != .none || file.pointee.isWithoutLinks {
                    file.pointee.wasUsed = true
                    file.pointee.holders &+= 1
                    return file
                }
                remove(at)
                break
            }
            at = (at &+ 1) & (FileCache.slots - 1)
        }
        return load(name, hash, withoutLinks: info.links == .none)
    }

    @inline(never)
    private mutating func load(_ name: Bytes, _ hash: UInt64, withoutLinks: Bool) -> CachedFile.Ref? {
        var fd = openFile(name, withoutLinks)
        if fd < 0, errno == EMFILE || errno == ENFILE {
            // What is only kept for later gives way to what is wanted now.
            removeAll()
            fd = openFile(name, withoutLinks)
        }
        guard fd >= 0 else { return nil }
        var status = stat()
        guard fstat(fd, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(fd)
            errno = EACCES
            return nil
        }
        let info = FileInfo(status)
        let file = CachedFile.Ref.allocate(capacity: 1)
        file.initialize(
            to: CachedFile(
                name: duplicate(name), hash: hash, info: info, fd: fd, content: read(fd, info),
                validators: validators(info), holders: 1, isWithoutLinks: withoutLinks, isCached: false, wasUsed: true))
        // A file changed within this very moment could change again without a sign of it.
        if isSettled(info) { insert(file) }
        return file
    }

    private func openFile(_ name: Bytes, _ withoutLinks: Bool) -> Int32 {
        let path = name.ptr.unsafelyUnwrapped
        return withoutLinks ? cs_open_without_links(path) : Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    }

    /// Whether a further change would show in the times of the file.
    private func isSettled(_ info: FileInfo) -> Bool {
        theWorker.pointee.now &* 1000 &- info.changed > 20_000_000
    }

    private func duplicate(_ bytes: Bytes) -> Bytes {
        guard let copy = malloc(bytes.count + 1) else { return .none }
        memcpy(copy, bytes.ptr, bytes.count)
        return Bytes(copy, count: bytes.count)
    }

    private func read(_ fd: Int32, _ info: FileInfo) -> Bytes {
        guard info.size > 0, info.size <= FileCache.contentLimit, let place = malloc(Int(info.size)) else { return .none }
        guard pread(fd, place, Int(info.size), 0) == Int(info.size) else {
            free(place)
            return .none
        }
        return Bytes(place, count: Int(info.size))
    }

    private func validators(_ info: FileInfo) -> Bytes {
        let longest = HTTPDate.length + EntityTag.longest
        guard let place = malloc(longest) else { outOfMemory(longest) }
        var writer = ByteWriter(place, capacity: longest)
        // RFC 9110, 8.8.2.1: not later than what is being answered. One that comes true only later keeps what it began with.
        HTTPDate.write(min(info.modified / 1_000_000_000, Clock.now() / 1_000_000), &writer)
        EntityTag.write(info, .usual, &writer)
        return writer.written
    }

    private mutating func insert(_ file: CachedFile.Ref) {
        if count >= FileCache.capacity { evict() }
        guard count < FileCache.capacity else { return }
        var at = Int(truncatingIfNeeded: file.pointee.hash) & (FileCache.slots - 1)
        while table[at] != nil { at = (at + 1) & (FileCache.slots - 1) }
        table[at] = file
        file.pointee.isCached = true
        file.pointee.holders += 1
        count += 1
    }

    /// Goes round until an entry that was not used since the last time is found.
    private mutating func evict() {
        for _ in 0..<FileCache.slots * 2 {
            hand = (hand + 1) & (FileCache.slots - 1)
            guard let file = table[hand] else { continue }
            if !file.pointee.wasUsed { return remove(hand) }
            file.pointee.wasUsed = false
        }
    }

    /// Takes an entry out and moves up those that were pushed on by it.
    private mutating func remove(_ slot: Int) {
        guard let file = table[slot] else { return }
        file.pointee.isCached = false
        CachedFile.release(file)
        count -= 1
        var hole = slot
        var at = (slot + 1) & (FileCache.slots - 1)
        table[hole] = nil
        while let next = table[at] {
            let home = Int(truncatingIfNeeded: next.pointee.hash) & (FileCache.slots - 1)
            let distance = (at - home) & (FileCache.slots - 1)
            if distance >= (at - hole) & (FileCache.slots - 1) {
                table[hole] = next
                table[at] = nil
                hole = at
            }
            at = (at + 1) & (FileCache.slots - 1)
        }
    }

    /// Closes what no request holds, before the process ends or when files run out.
    mutating func removeAll() {
        for slot in 0..<FileCache.slots {
            guard let file = table[slot] else { continue }
            table[slot] = nil
            CachedFile.release(file)
        }
        count = 0
    }
}
