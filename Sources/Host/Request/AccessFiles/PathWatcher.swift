import ByteKit
import CSystem
import Glibc

/// Learns from the kernel when a .htaccess file comes, changes or goes, or the way to it leads elsewhere.
///
/// Every directory and every symbolic link on a way is watched for being moved or removed; the directories where the files
/// may lie for names that come and go; the files themselves for being written. The mount table is watched, too.
final class PathWatcher {
    enum Changes {
        case some([AccessFile])
        /// A way may lead elsewhere.
        case everything
    }

    private struct Purposes: OptionSet {
        let rawValue: UInt8
        static let way = Purposes(rawValue: 1)
        static let names = Purposes(rawValue: 2)
        static let file = Purposes(rawValue: 4)
    }

    private struct Watch {
        var purposes: Purposes = []
        var files: [AccessFile] = []
    }

    private let events: Int32
    private let mounts: Int32
    private var watches: [Int32: Watch] = [:]
    /// The ways that have been made sure of since the last of them changed; false: they cannot be watched.
    private var ways: [[UInt8]: Bool] = [:]

    private static let wayMask = IN_DELETE_SELF | IN_MOVE_SELF
    private static let nameMask = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO
    private static let fileMask = IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF
    private static let longestChain = 40

    init() throws(SystemProblem) {
        events = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
        guard events >= 0 else { throw SystemProblem(errno) }
        mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC)
    }

    /// The first is ready when there are events, the second (for priority reading) when the mount table has changed.
    var descriptors: [Int32] { mounts >= 0 ? [events, mounts] : [events] }

    func stop() {
        theWorker.pointee.loop.unwatchPaths(descriptors)
        close(events)
        if mounts >= 0 { close(mounts) }
    }

    // MARK: What to watch

    /// Watches the way to a file and the names in its directory. False: changes there raise no events.
    func observe(_ file: AccessFile) -> Bool {
        let directory = file.directory.count > 1 ? Array(file.directory.dropLast()) : file.directory
        var links = 0
        guard observe(way: directory, &links) else { return false }
        return add(directory, PathWatcher.nameMask | IN_ONLYDIR, .names, file)
    }

    /// Watches an open file. A symbolic link leads to it by a way of its own.
    func observe(_ descriptor: Int32, of file: AccessFile, path: [UInt8]) -> Bool {
        var info = stat()
        guard lstat(terminated(path), &info) == 0 else { return false }
        var links = 0
        if info.st_mode & S_IFMT == S_IFLNK, !observe(way: path, &links) { return false }
        return add(Array("/proc/self/fd/\(descriptor)".utf8), PathWatcher.fileMask, .file, file)
    }

    /// Watches each part of a path, through its links. False: some part cannot be watched.
    private func observe(way path: [UInt8], _ links: inout Int) -> Bool {
        if let known = ways[path] { return known }
        let isWatched = observe(last: path, &links)
        ways[path] = isWatched
        return isWatched
    }

    private func observe(last path: [UInt8], _ links: inout Int) -> Bool {
        let parent = path.lastIndex(of: 0x2f).map { $0 == 0 ? [0x2f] : Array(path[..<$0]) } ?? [0x2f]
        if path.count > 1, !observe(way: parent, &links) { return false }
        var before = stat()
        var after = stat()
        guard lstat(terminated(path), &before) == 0 else { return false }
        let isLink = before.st_mode & S_IFMT == S_IFLNK
        let mask = PathWatcher.wayMask | (isLink ? IN_ATTRIB : 0) | IN_DONT_FOLLOW
        guard isLocal(isLink ? parent : path), add(path, mask, .way, nil), lstat(terminated(path), &after) == 0,
            after.st_ino == before.st_ino, after.st_dev == before.st_dev
        else { return false }
        return isLink ? observe(linkAt: path, in: parent, &links) : true
    }

    private func observe(linkAt path: [UInt8], in parent: [UInt8], _ links: inout Int) -> Bool {
        links += 1
        guard links <= PathWatcher.longestChain else { return false }
        var target = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = readlink(terminated(path), &target, target.count)
        guard length > 0, length < target.count else { return false }
        var bytes = target[..<length].map { UInt8(bitPattern: $0) }
        while bytes.count > 1, bytes.last == 0x2f { bytes.removeLast() }
        return observe(way: bytes.first == 0x2f ? bytes : (parent == [0x2f] ? parent : parent + [0x2f]) + bytes, &links)
    }

    private func add(_ path: [UInt8], _ mask: some BinaryInteger, _ purpose: Purposes, _ file: AccessFile?) -> Bool {
        let watch = inotify_add_watch(events, terminated(path), UInt32(mask) | UInt32(IN_MASK_ADD))
        guard watch >= 0 else { return false }
        watches[watch, default: Watch()].purposes.insert(purpose)
        if let file, watches[watch]?.files.contains(where: { $0 === file }) != true { watches[watch]?.files.append(file) }
        return true
    }

    /// What another machine changes raises no events here.
    private func isLocal(_ path: [UInt8]) -> Bool {
        var info = statfs()
        guard statfs(terminated(path), &info) == 0 else { return false }
        // nfs, smb, cifs, smb2, fuse, 9p, ceph, afs, coda, gfs2, ocfs2, lustre, vboxsf
        let remote: Set<UInt32> = [
            0x6969, 0x517b, 0xff53_4d42, 0xfe53_4d42, 0x6573_5546, 0x0102_1997, 0x00c3_6400, 0x5346_414f, 0x7375_7245,
            0x0116_1970, 0x7461_636f, 0x0bd0_0bd0, 0x786f_4256,
        ]
        return !remote.contains(UInt32(truncatingIfNeeded: info.f_type))
    }

    private func terminated(_ path: [UInt8]) -> [CChar] { path.map { CChar(bitPattern: $0) } + [0] }

    // MARK: What has happened

    /// Reads what has happened since the last time. Nil: nothing that matters.
    func readEvents(_ descriptor: Int32) -> Changes? {
        var isEverything = descriptor == mounts
        var changed: [ObjectIdentifier: AccessFile] = [:]
        withUnsafeTemporaryAllocation(byteCount: 64 << 10, alignment: 8) { buffer in
            while true {
                let count = read(events, buffer.baseAddress, buffer.count)
                guard count > 0 else { return }
                var at = 0
                while at < count {
                    let event = buffer.loadUnaligned(fromByteOffset: at, as: inotify_event.self)
                    let name = Bytes(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[(at + 16)..<(at + 16 + Int(event.len))]))
                    at += 16 + Int(event.len)
                    if take(event, name) { isEverything = true }
                    for file in watches[event.wd]?.files ?? [] where isAbout(file, event, name) { changed[ObjectIdentifier(file)] = file }
                    if event.mask & UInt32(IN_IGNORED) != 0 { watches[event.wd] = nil }
                }
            }
        }
        if isEverything {
            ways = [:]
            return .everything
        }
        return changed.isEmpty ? nil : .some(Array(changed.values))
    }

    /// Whether an event may have changed the way to a file.
    private func take(_ event: inotify_event, _ name: Bytes) -> Bool {
        if event.mask & UInt32(IN_Q_OVERFLOW) != 0 { return true }
        guard let watch = watches[event.wd], watch.purposes.contains(.way), name.isEmpty else { return false }
        return event.mask & UInt32(PathWatcher.wayMask | IN_ATTRIB | IN_IGNORED | IN_UNMOUNT) != 0
    }

    private func isAbout(_ file: AccessFile, _ event: inotify_event, _ name: Bytes) -> Bool {
        guard event.len > 0 else { return true }
        // Names are padded with NULs.
        let end = name.firstIndex(of: 0) ?? name.count
        return file.isNamed(name.upTo(end))
    }
}
