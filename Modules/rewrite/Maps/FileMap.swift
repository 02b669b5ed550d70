import Glibc
import ModuleKit

/// What tells one state of a file from another.
struct FileIdentity: BitwiseCopyable, Equatable {
    private var inode: UInt64
    let size: Int64
    private var seconds: Int64
    private var nanoseconds: Int64

    /// Nil: it cannot be looked at. `path` ends in a NUL byte.
    init?(of path: Bytes) {
        var info = stat()
        guard let text = path.ptr, stat(text, &info) == 0 else { return nil }
        inode = UInt64(info.st_ino)
        size = Int64(info.st_size)
        seconds = Int64(info.st_mtim.tv_sec)
        nanoseconds = Int64(info.st_mtim.tv_nsec)
    }
}

/// A map in a file: of text, or a database. The whole of it is held as a hash table until it changes.
struct FileMap {
    typealias Ref = UnsafeMutablePointer<FileMap>

    /// How the file is read.
    enum Format: UInt8, BitwiseCopyable {
        case text, sdbm, gdbm, berkeley
    }

    enum Problem: Error {
        case cannotLook, cannotOpen
    }

    let path: Bytes
    let format: Format
    /// Its file system may take time to answer: it is asked once in a while, by a thread of the pool.
    var isSlow = false
    let loader: MapLoader
    /// Why there is no table.
    private(set) var problem: Problem?
    private var loaded: MapLoader.Outcome?
    private var lookedAt: Int64 = 0

    /// Reading a larger file takes longer than a thread of the pool costs.
    private static let largestAtOnce: Int64 = 64 << 10
    /// How long a slow file is believed not to have changed, in microseconds.
    private static let slowLifetime: Int64 = 1_000_000

    static func make(_ path: Bytes, _ format: Format, in pool: Pool) -> Ref {
        let place = Ref.allocate(capacity: 1)
        place.initialize(to: FileMap(path: path, format: format, loader: MapLoader(path, format)))
        pool.onDestroy {
            place.deinitialize(count: 1)
            place.deallocate()
        }
        return place
    }

    private init(path: Bytes, format: Format, loader: MapLoader) {
        self.path = path
        self.format = format
        self.loader = loader
    }

    enum Freshness {
        /// What is in memory is what the file holds, or as good as that.
        case current
        case mustLoad
        case takesTime
    }

    mutating func freshness(now: Int64) -> Freshness {
        if isSlow { return lookedAt > 0 && now - lookedAt < FileMap.slowLifetime ? .current : .takesTime }
        guard let found = FileIdentity(of: path) else {
            problem = .cannotLook
            return .current
        }
        if found == loaded?.identity, problem == nil { return .current }
        return found.size > FileMap.largestAtOnce ? .takesTime : .mustLoad
    }

    mutating func take(_ outcome: MapLoader.Outcome, now: Int64) {
        problem = outcome.problem
        lookedAt = now
        if outcome.problem == nil { loaded = outcome }
    }

    /// The value of a key; nil: there is none. Lives until the file is read again.
    func value(of key: Bytes) -> Bytes? { loaded?.table?.find(key) }
}

/// Reads a map's file. Several threads that want it read at once have it read once.
final class MapLoader: @unchecked Sendable {
    /// What the file holds, or why that is not known.
    struct Outcome: @unchecked Sendable {
        var identity: FileIdentity?
        var table: KeyTable?
        var problem: FileMap.Problem?
    }

    private let path: [UInt8]
    private let format: FileMap.Format
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private var last = Outcome()

    init(_ path: Bytes, _ format: FileMap.Format) {
        self.path = Array(path.buffer) + [0]
        self.format = format
        pthread_mutex_init(lock, nil)
    }

    deinit {
        pthread_mutex_destroy(lock)
        lock.deallocate()
    }

    /// [any thread]
    func load() -> Outcome {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        path.withUnsafeBytes { raw in
            let name = Bytes(raw).upTo(raw.count - 1)
            guard let identity = FileIdentity(of: name) else { return last = Outcome(problem: .cannotLook) }
            if identity == last.identity { return }
            guard let text = FileText(name) else { return last = Outcome(problem: .cannotOpen) }
            last = Outcome(identity: identity, table: KeyTable(text, format))
        }
        return last
    }
}

/// A map's file on its way into memory.
final class MapQuestion: Question, @unchecked Sendable {
    private let map: FileMap.Ref
    private let loader: MapLoader
    private var outcome: MapLoader.Outcome?

    init(_ subject: Subject, _ map: FileMap.Ref) {
        self.map = map
        loader = map.pointee.loader
        super.init(subject)
    }

    override func ask() { outcome = loader.load() }

    override func answer(for run: Run) -> Bytes {
        if let outcome { map.pointee.take(outcome, now: run.module.host.now) }
        return Bytes("1")
    }
}

/// A file's content in memory.
final class FileText {
    let bytes: Bytes

    init?(_ path: Bytes) {
        guard let name = path.ptr else { return nil }
        let fd = open(name, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { return nil }
        defer { close(fd) }
        var info = stat()
        guard fstat(fd, &info) == 0, info.st_mode & S_IFMT == S_IFREG else { return nil }
        let size = Int(info.st_size)
        let room = UnsafeMutableRawPointer.allocate(byteCount: max(size, 1), alignment: 8)
        var filled = 0
        while filled < size {
            let count = read(fd, room + filled, size - filled)
            if count < 0, errno == EINTR { continue }
            if count <= 0 { break }
            filled += count
        }
        bytes = Bytes(room, count: filled)
    }

    deinit { UnsafeMutableRawPointer(mutating: bytes.ptr)?.deallocate() }
}

/// The pairs of a map's file by their keys; of equal keys the first counts.
struct KeyTable {
    private struct Slot {
        var key = Bytes.none
        var value = Bytes.none
    }

    private let text: FileText
    private var slots: [Slot]

    init(_ text: FileText, _ format: FileMap.Format) {
        self.text = text
        var pairs: [Slot] = []
        let add = { (key: Bytes, value: Bytes) in pairs.append(Slot(key: key, value: value)) }
        switch format {
        case .text: Self.eachLine(text.bytes, add)
        case .sdbm: Sdbm.eachPair(text.bytes, add)
        case .gdbm: Gdbm.eachPair(text.bytes, add)
        case .berkeley: BerkeleyDB.eachPair(text.bytes, add)
        }
        var size = 16
        while size < pairs.count * 2 { size *= 2 }
        slots = Array(repeating: Slot(), count: size)
        for pair in pairs { insert(pair) }
    }

    func find(_ key: Bytes) -> Bytes? {
        var at = Int(truncatingIfNeeded: key.hashed) & (slots.count - 1)
        while slots[at].key.isSet {
            if slots[at].key == key { return slots[at].value }
            at = (at + 1) & (slots.count - 1)
        }
        return nil
    }

    private mutating func insert(_ pair: Slot) {
        guard pair.key.isSet, !pair.key.isEmpty else { return }
        var at = Int(truncatingIfNeeded: pair.key.hashed) & (slots.count - 1)
        while slots[at].key.isSet {
            if slots[at].key == pair.key { return }
            at = (at + 1) & (slots.count - 1)
        }
        slots[at] = pair
    }

    /// A line that begins with "#" or white space, or has no value, is none.
    private static func eachLine(_ text: Bytes, _ body: (_ key: Bytes, _ value: Bytes) -> Void) {
        var rest = text
        while !rest.isEmpty {
            let end = rest.firstIndex(of: 0x0a) ?? rest.count
            let line = rest.upTo(end)
            rest = rest.from(min(end + 1, rest.count))
            guard !line.isEmpty, line[0] != UInt8(ascii: "#"), !line[0].isSpace else { continue }
            let key = line.firstWord
            let value = line.from(key.count).skippingSpace.firstWord
            if !value.isEmpty { body(key, value) }
        }
    }
}

extension Bytes {
    var firstWord: Bytes {
        var end = 0
        while end < count, !self[end].isSpace { end += 1 }
        return upTo(end)
    }
}
