public import ByteKit
import Glibc
public import ModuleABI

/// What a file looks like from outside: another stamp, another content.
public struct FileStamp: Equatable, BitwiseCopyable, Sendable {
    let device, inode: UInt64
    let size: Int64
    let modified, changed: Int64
    /// No directory, pipe, or device.
    public let isRegular: Bool

    /// A file that was changed so shortly before it was looked at may change again with the same time stamp.
    private static let grain: Int64 = 20_000_000

    /// - Parameter path: followed by a NUL byte.
    /// - Returns: nil: errno says why.
    public init?(_ path: Bytes) {
        var info = stat()
        guard stat(path.ptr!, &info) == 0 else { return nil }
        func nanoseconds(_ time: timespec) -> Int64 { Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec) }
        device = UInt64(info.st_dev)
        inode = UInt64(info.st_ino)
        size = Int64(info.st_size)
        isRegular = info.st_mode & S_IFMT == S_IFREG
        modified = nanoseconds(info.st_mtim)
        changed = nanoseconds(info.st_ctim)
    }

    /// Whether what is read now may differ from what the file holds a moment later, under the same stamp.
    public var isYoung: Bool {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return changed > Int64(now.tv_sec) &* 1_000_000_000 &+ Int64(now.tv_nsec) &- FileStamp.grain
    }
}

/// What was read of a file.
public struct FileReading<Content: AnyObject> {
    /// 0, or why there is no content.
    public var problem: Int32
    public var content: Content?
    public var faults = LineFile.Faults()
    fileprivate var stamp: FileStamp?
    fileprivate var isYoung = false
    /// Bytes of the file.
    fileprivate var size: Int64 { stamp?.size ?? 0 }

    public init(problem: Int32, content: Content?, faults: LineFile.Faults) {
        self.problem = problem
        self.content = content
        self.faults = faults
    }
}

/// How what is kept of a file stands to the file.
public enum FileState {
    /// There is content, and it is the file's.
    case current
    /// errno.
    case problem(Int32)
    /// It has to be read, and is too large for that to be done on the loop.
    case unread
}

/// A file that is read once, and again when it has changed. Used on the loop only; `read` anywhere.
///
/// What each request looks at is not checked for exclusive access: no look is made within another.
public final class WatchedFile<Content: AnyObject>: @unchecked Sendable {
    /// Followed by a NUL byte.
    public let path: Bytes
    /// Eight bytes that tell it from all others; they live for ever.
    public let identity: Bytes
    private let parse: (Bytes) -> FileReading<Content>
    private let notice: (FileReading<Content>) -> Void
    @exclusivity(unchecked) public private(set) var content: Content?
    private var stamp: FileStamp?
    @exclusivity(unchecked) private var isYoung = false
    @exclusivity(unchecked) private(set) var lastLook = Int64.min
    /// What the last look found is what `content` holds.
    @exclusivity(unchecked) private var isCurrent = false
    /// Bytes of the file whose content is kept.
    private(set) var size: Int64 = 0
    /// Who finds it being read waits and takes what has been read.
    private let turn = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private var latest: FileReading<Content>?

    /// What is smaller is read at once.
    private static var quickSize: Int64 { 64 << 10 }

    /// - Parameters:
    ///   - path: followed by a NUL byte; lives for ever.
    ///   - parse: makes the content; may be called on any thread.
    ///   - notice: told on the loop about each reading.
    public init(
        _ path: Bytes, parse: @escaping (Bytes) -> FileReading<Content>,
        notice: @escaping (FileReading<Content>) -> Void
    ) {
        self.path = path
        identity = .unique()
        self.parse = parse
        self.notice = notice
        pthread_mutex_init(turn, nil)
    }

    deinit {
        pthread_mutex_destroy(turn)
        turn.deallocate()
    }

    /// Sees to it that `content` is what the file holds now. It is looked at once in a turn of the loop, whose time is given.
    public func look(_ now: Int64) -> FileState {
        if now == lastLook, isCurrent, !isYoung, content != nil { return .current }
        isCurrent = false
        guard let found = FileStamp(path) else {
            forget()
            return .problem(errno)
        }
        lastLook = now
        if found == stamp, !isYoung, content != nil {
            isCurrent = true
            return .current
        }
        if found.size > Self.quickSize { return .unread }
        let reading = readNow()
        install(reading)
        isCurrent = reading.content != nil
        return reading.content == nil ? .problem(reading.problem) : .current
    }

    /// Reads it. [pool]
    public func read() -> FileReading<Content> {
        pthread_mutex_lock(turn)
        defer { pthread_mutex_unlock(turn) }
        if let latest, !latest.isYoung, latest.stamp == FileStamp(path) { return latest }
        let reading = readNow()
        latest = reading
        return reading
    }

    private func readNow() -> FileReading<Content> {
        guard let stamp = FileStamp(path) else { return FileReading(problem: errno, content: nil, faults: .init()) }
        let isYoung = stamp.isYoung
        var reading = parse(path)
        reading.stamp = stamp
        reading.isYoung = isYoung
        return reading
    }

    /// Takes over what was read.
    public func install(_ reading: FileReading<Content>) {
        content = reading.content
        stamp = reading.stamp
        isYoung = reading.isYoung
        size = content == nil ? 0 : reading.size
        notice(reading)
    }

    /// Lets go of the content: it is read again when it is needed.
    func forget() {
        content = nil
        stamp = nil
        size = 0
        // Who reads it just now keeps it for a moment.
        guard pthread_mutex_trylock(turn) == 0 else { return }
        latest = nil
        pthread_mutex_unlock(turn)
    }
}

extension apus_str {
    /// Eight bytes that no other call gives; they live for ever.
    fileprivate static func unique() -> Bytes {
        let place = UnsafeMutablePointer<UInt>.allocate(capacity: 1)
        place.initialize(to: UInt(bitPattern: place))
        return Bytes(UnsafeRawPointer(place), count: MemoryLayout<UInt>.size)
    }

    /// A copy that lives for ever, followed by a NUL byte.
    public static func immortal(_ bytes: Bytes) -> Bytes {
        let place = UnsafeMutablePointer<UInt8>.allocate(capacity: bytes.count + 1)
        for index in 0..<bytes.count { place[index] = bytes[index] }
        place[bytes.count] = 0
        return Bytes(UnsafeRawPointer(place), count: bytes.count)
    }
}
