import ModuleKit

/// Database files, read without the libraries that write them: every pair is wanted, so no index is needed.
/// Nothing in a file is trusted; what does not fit ends the page, or the file.

/// The pages of sdbm: of APR, and of httxt2dbm with -f sdbm (NAME.pag; NAME.dir is an index).
enum Sdbm {
    private static let pageSize = 1024

    static func eachPair(_ file: Bytes, _ body: (_ key: Bytes, _ value: Bytes) -> Void) {
        var start = 0
        while start + pageSize <= file.count {
            readPage(file[start..<start + pageSize], body)
            start += pageSize
        }
    }

    /// The number of offsets, then those of a key and its value in turn; their bytes grow down from the page's end.
    private static func readPage(_ page: Bytes, _ body: (_ key: Bytes, _ value: Bytes) -> Void) {
        let count = page.short(at: 0)
        var end = pageSize
        var index = 1
        while index + 1 <= min(count, pageSize / 2 - 1) {
            let key = page.short(at: index * 2)
            let value = page.short(at: index * 2 + 2)
            guard value <= key, key <= end else { return }
            body(page[key..<end], page[value..<key])
            end = value
            index += 2
        }
    }
}

/// A GNU dbm file: a header, a directory of buckets, and buckets of entries that say where key and value stand.
enum Gdbm {
    private static let magics: Set<Int> = [0x1357_9ace, 0x1357_9acd, 0x1357_9acf, 0x1357_9ad0, 0x1357_9ad1]
    /// Where the entries begin in a bucket, behind its list of free blocks.
    private static let entriesStart = 8 + 6 * 16 + 8
    private static let entrySize = 24

    static func isOne(_ file: Bytes) -> Bool { file.count > 64 && magics.contains(file.word(at: 0)) }

    static func eachPair(_ file: Bytes, _ body: (_ key: Bytes, _ value: Bytes) -> Void) {
        guard isOne(file) else { return }
        let directory = file.long(at: 8)
        let size = file.word(at: 16)
        let entries = file.word(at: 28)
        guard directory >= 0, size >= 0, directory <= file.count, size <= file.count - directory else { return }
        var last = -1
        // Several places of the directory in a row lead to one bucket.
        for at in stride(from: directory, to: directory + size - 7, by: 8) {
            let bucket = file.long(at: at)
            guard bucket != last else { continue }
            last = bucket
            readBucket(file, bucket, entries, body)
        }
    }

    private static func readBucket(
        _ file: Bytes, _ bucket: Int, _ entries: Int, _ body: (_ key: Bytes, _ value: Bytes) -> Void
    ) {
        guard bucket >= 0, bucket <= file.count, entries >= 0, entries <= file.count / entrySize else { return }
        for index in 0..<entries {
            let at = bucket + entriesStart + index * entrySize
            guard at + entrySize <= file.count else { return }
            // -1: a free place.
            guard file.word(at: at) != 0xffff_ffff else { continue }
            let start = file.long(at: at + 8)
            let (key, value) = (file.word(at: at + 16), file.word(at: at + 20))
            guard start >= 0, start <= file.count, key + value <= file.count - start else { continue }
            body(file[start..<start + key], file[start + key..<start + key + value])
        }
    }
}

/// A Berkeley DB file of type hash or btree in this machine's byte order.
enum BerkeleyDB {
    private static let hash = 0x0006_1561
    private static let btree = 0x0005_3162
    private static let header = 26
    private enum Page {
        static let unsortedHash: UInt8 = 2
        static let btreeLeaf: UInt8 = 5
        static let hash: UInt8 = 13
    }

    static func isOne(_ file: Bytes) -> Bool {
        file.count >= 512 && (file.word(at: 12) == hash || file.word(at: 12) == btree)
    }

    static func eachPair(_ file: Bytes, _ body: (_ key: Bytes, _ value: Bytes) -> Void) {
        guard isOne(file) else { return }
        let size = file.word(at: 20)
        guard size >= 512, size <= 65536 else { return }
        for start in stride(from: 0, to: file.count - size + 1, by: size) {
            let page = file[start..<start + size]
            switch page[25] {
            case Page.hash, Page.unsortedHash: readHash(page, body)
            case Page.btreeLeaf: readLeaf(page, body)
            default: break
            }
        }
    }

    /// Items lie one below the other from the page's end; the first byte of each is its kind, 1: plain.
    private static func readHash(_ page: Bytes, _ body: (_ key: Bytes, _ value: Bytes) -> Void) {
        eachItemPair(page, body) { index in
            let start = page.short(at: header + index * 2)
            let end = index == 0 ? page.count : page.short(at: header + index * 2 - 2)
            guard start < end, end <= page.count, page[start] == 1 else { return nil }
            return page[start + 1..<end]
        }
    }

    /// Items begin with their length and kind.
    private static func readLeaf(_ page: Bytes, _ body: (_ key: Bytes, _ value: Bytes) -> Void) {
        eachItemPair(page, body) { index in
            let start = page.short(at: header + index * 2)
            guard start + 3 <= page.count, page[start + 2] == 1 else { return nil }
            let length = page.short(at: start)
            guard length <= page.count - start - 3 else { return nil }
            return page[start + 3..<start + 3 + length]
        }
    }

    private static func eachItemPair(
        _ page: Bytes, _ body: (_ key: Bytes, _ value: Bytes) -> Void, _ item: (Int) -> Bytes?
    ) {
        let count = min(page.short(at: 20), (page.count - header) / 2)
        for index in stride(from: 0, to: count - 1, by: 2) {
            // A key or value of several pages is none that a map could use.
            if let key = item(index), let value = item(index + 1) { body(key, value) }
        }
    }
}

extension Bytes {
    /// Unsigned numbers in this machine's byte order.
    fileprivate func short(at offset: Int) -> Int {
        Int(buffer.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }

    fileprivate func word(at offset: Int) -> Int {
        Int(buffer.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    fileprivate func long(at offset: Int) -> Int {
        Int(truncatingIfNeeded: buffer.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
}
