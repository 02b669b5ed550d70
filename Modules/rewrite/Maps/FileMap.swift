import Glibc
import ModuleKit

/// What tells one state of a file from another.
struct FileIdentity: BitwiseCopyable, Equatable {
    private var inode: UInt64
    private var size: Int64
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

    let path: Bytes
    let format: Format
    private var identity: FileIdentity?
    private var table: KeyTable?

    static func make(_ path: Bytes, _ format: Format, in pool: Pool) -> Ref {
        let place = Ref.allocate(capacity: 1)
        place.initialize(to: FileMap(path: path, format: format, identity: nil, table: nil))
        pool.onDestroy {
            place.deinitialize(count: 1)
            place.deallocate()
        }
        return place
    }

    enum Problem: Error {
        case cannotLook, cannotOpen
    }

    /// The value of a key; nil: there is none. Lives until the file is read again.
    mutating func value(of key: Bytes) throws(Problem) -> Bytes? {
        guard let now = FileIdentity(of: path) else { throw .cannotLook }
        if now != identity || table == nil {
            guard let text = FileText(path) else { throw .cannotOpen }
            table = KeyTable(text, format)
            identity = now
        }
        return table?.find(key)
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
