import ByteKit
import Glibc

/// A new SDBM database, made whole in memory: see SdbmFile for what it looks like.
public struct SdbmImage {
    private typealias Pair = (key: [UInt8], value: [UInt8])

    private static let pageSize = 1024
    private static let largestPair = 1008
    private static let mostSplits = 10

    private var pages: [Int: [Pair]] = [:]
    private var splitBits: Set<Int> = []

    public init() {}

    private static func hash(_ key: [UInt8]) -> UInt32 { key.reduce(0) { UInt32($1) &+ 65599 &* $0 } }

    private static func size(_ pairs: [Pair]) -> Int {
        pairs.reduce(2 + pairs.count * 4) { $0 + $1.key.count + $1.value.count }
    }

    /// Adds a pair whose key is new.
    public mutating func add(_ key: [UInt8], _ value: [UInt8]) throws(DbmProblem) {
        guard key.count + value.count <= SdbmImage.largestPair else {
            throw DbmProblem(description: "an entry is larger than the \(SdbmImage.largestPair) bytes that SDBM has room for")
        }
        let hash = SdbmImage.hash(key)
        var bit = 0
        var depth: UInt32 = 0
        while splitBits.contains(bit) {
            bit = 2 * bit + (hash & (1 << depth) != 0 ? 2 : 1)
            depth += 1
        }
        for _ in 0...SdbmImage.mostSplits {
            let page = Int(hash & ((1 << depth) - 1))
            let full = pages[page, default: []] + [(key, value)]
            if SdbmImage.size(full) <= SdbmImage.pageSize {
                pages[page] = full
                return
            }
            split(page, bit, depth)
            bit = 2 * bit + (hash & (1 << depth) != 0 ? 2 : 1)
            depth += 1
        }
        throw DbmProblem(description: "SDBM has no room for so many entries with like hashes")
    }

    /// Moves those to another page whose next bit is set.
    private mutating func split(_ page: Int, _ bit: Int, _ depth: UInt32) {
        let pairs = pages[page, default: []]
        pages[page] = pairs.filter { SdbmImage.hash($0.key) & (1 << depth) == 0 }
        pages[page | 1 << Int(depth)] = pairs.filter { SdbmImage.hash($0.key) & (1 << depth) != 0 }
        splitBits.insert(bit)
    }

    public func write(_ path: String) throws(DbmProblem) {
        try SdbmImage.save(path + ".dir", directory)
        let last = pages.keys.max() ?? 0
        var bytes = [UInt8](repeating: 0, count: (last + 1) * SdbmImage.pageSize)
        for (index, pairs) in pages { fill(&bytes, index * SdbmImage.pageSize, pairs) }
        try SdbmImage.save(path + ".pag", pages.isEmpty ? [] : bytes)
    }

    /// In blocks of 4096 bytes, as the original writes it; nothing where nothing was split.
    private var directory: [UInt8] {
        guard let last = splitBits.max() else { return [] }
        var bytes = [UInt8](repeating: 0, count: (last / 8 / 4096 + 1) * 4096)
        for bit in splitBits { bytes[bit / 8] |= 1 << UInt8(bit % 8) }
        return bytes
    }

    private func fill(_ bytes: inout [UInt8], _ start: Int, _ pairs: [Pair]) {
        func store(_ number: Int, _ index: Int, _ bytes: inout [UInt8]) {
            withUnsafeBytes(of: UInt16(number)) { raw in
                for (offset, byte) in raw.enumerated() { bytes[start + index * 2 + offset] = byte }
            }
        }
        var end = SdbmImage.pageSize
        store(pairs.count * 2, 0, &bytes)
        for (index, pair) in pairs.enumerated() {
            end -= pair.key.count
            bytes.replaceSubrange(start + end..<start + end + pair.key.count, with: pair.key)
            store(end, index * 2 + 1, &bytes)
            end -= pair.value.count
            bytes.replaceSubrange(start + end..<start + end + pair.value.count, with: pair.value)
            store(end, index * 2 + 2, &bytes)
        }
    }

    private static func save(_ path: String, _ bytes: [UInt8]) throws(DbmProblem) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw DbmProblem(description: String(cString: strerror(errno))) }
        defer { close(descriptor) }
        let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        guard count == bytes.count else { throw DbmProblem(description: String(cString: strerror(errno))) }
    }
}
