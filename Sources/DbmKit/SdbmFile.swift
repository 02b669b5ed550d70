public import ByteKit
import Glibc

/// The small database that httpd brings along: pages of entries in FILE.pag, and in FILE.dir a bit for each page that has been
/// split. For reading only; every number in it is checked before it is used.
public final class SdbmFile: DbmFile {
    private static let pageSize = 1024

    private let pages: Int32
    private let directory: [UInt8]

    public init(_ path: String) throws(DbmProblem) {
        directory = try SdbmFile.readAll(path + ".dir")
        pages = open(path + ".pag", O_RDONLY | O_CLOEXEC)
        guard pages >= 0 else { throw SdbmFile.problem() }
    }

    deinit { close(pages) }

    private static func problem() -> DbmProblem { DbmProblem(description: String(cString: strerror(errno))) }

    private static func readAll(_ path: String) throws(DbmProblem) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw problem() }
        defer { close(descriptor) }
        var info = stat()
        guard fstat(descriptor, &info) == 0, info.st_size <= 64 << 20 else { throw problem() }
        var bytes = [UInt8](repeating: 0, count: Int(info.st_size))
        let size = bytes.count
        let count = bytes.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, size, 0) }
        guard count == size else { throw problem() }
        return bytes
    }

    /// Whether the page of that bit has been split.
    private func isSplit(_ bit: Int) -> Bool {
        bit / 8 < directory.count && directory[bit / 8] & (1 << UInt8(bit % 8)) != 0
    }

    /// Where a key's page lies: the path through the splits, by the bits of its hash.
    private func pageIndex(of key: Bytes) -> Int {
        var hash: UInt32 = 0
        for byte in key.buffer { hash = UInt32(byte) &+ 65599 &* hash }
        var bit = 0
        var depth: UInt32 = 0
        while depth < 32, bit < directory.count * 8, isSplit(bit) {
            bit = 2 * bit + (hash & (1 << depth) != 0 ? 2 : 1)
            depth += 1
        }
        return Int(depth == 32 ? hash : hash & ((1 << depth) - 1))
    }

    /// The entries of a page; none beyond the end of the file.
    private func entries(at index: Int, _ body: (Bytes, Bytes) -> Bool) throws(DbmProblem) -> Bool {
        var page = [UInt8](repeating: 0, count: SdbmFile.pageSize)
        let count = page.withUnsafeMutableBytes { pread(pages, $0.baseAddress, SdbmFile.pageSize, off_t(index * SdbmFile.pageSize)) }
        guard count >= 0 else { throw SdbmFile.problem() }
        guard count > 0 else { return true }
        return page.withUnsafeBytes { SdbmFile.walk($0, body) }
    }

    private static func walk(_ page: UnsafeRawBufferPointer, _ body: (Bytes, Bytes) -> Bool) -> Bool {
        func number(_ index: Int) -> Int { Int(page.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self)) }
        let numbers = number(0)
        guard numbers % 2 == 0, (numbers + 1) * 2 <= page.count else { return true }
        var end = page.count
        for index in stride(from: 1, through: numbers, by: 2) {
            let (key, value) = (number(index), number(index + 1))
            guard key <= end, value <= key, value >= (numbers + 1) * 2 else { return true }
            let name = Bytes(UnsafeRawBufferPointer(rebasing: page[key..<end]))
            guard body(name, Bytes(UnsafeRawBufferPointer(rebasing: page[value..<key]))) else { return false }
            end = value
        }
        return true
    }

    public func value(of key: Bytes) throws(DbmProblem) -> [UInt8]? {
        var found: [UInt8]?
        _ = try entries(at: pageIndex(of: key)) { name, value in
            guard name == key else { return true }
            found = Array(value.buffer)
            return false
        }
        return found
    }

    public func forEach(_ body: (Bytes, Bytes) -> Bool) throws(DbmProblem) {
        var info = stat()
        guard fstat(pages, &info) == 0 else { throw SdbmFile.problem() }
        for index in 0..<Int(info.st_size) / SdbmFile.pageSize where try !entries(at: index, body) { return }
    }
}
