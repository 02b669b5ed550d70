import ModuleKit

/// What the client's query changes: `?C=M;O=D;F=2;V=1;P=*.txt`. Reading stops at the first thing that is not understood.
struct IndexQuery {
    var sorting: Sorting
    var options: IndexOptions
    /// Ends in a NUL byte.
    private(set) var pattern: Bytes?
    /// What the links that sort must repeat, escaped.
    private(set) var repeated = Bytes("")

    private var format: UInt8?
    private var version: UInt8?

    init(_ request: Request, _ conf: UnsafePointer<IndexConf>) {
        sorting = conf.pointee.sorting ?? Sorting()
        options = conf.pointee.options
        guard !options.contains(.ignoreClient) else {
            options.insert(.suppressColumnSorting)
            return
        }
        let query = request.query
        guard !query.isEmpty else { return }
        if conf.pointee.sorting == nil { sorting = Sorting() }
        read(query, request.pool)
        repeated = repetition(request.pool)
    }

    private mutating func read(_ query: Bytes, _ pool: Pool) {
        var rest = query
        while rest.count > 1 {
            let end = rest.buffer.firstIndex { $0 == UInt8(ascii: "&") || $0 == UInt8(ascii: ";") } ?? rest.count
            let part = rest.upTo(end)
            guard part.count >= 2, part[1] == UInt8(ascii: "="), take(part[0], part.from(2), pool) else { return }
            rest = rest.from(min(end + 1, rest.count))
        }
    }

    private mutating func take(_ letter: UInt8, _ value: Bytes, _ pool: Pool) -> Bool {
        if letter == UInt8(ascii: "P") {
            guard let text = pool.percentDecoded(value) else { return false }
            pattern = text.isEmpty ? nil : text
            return true
        }
        guard value.count == 1 else { return false }
        switch (letter, value[0]) {
        case (UInt8(ascii: "C"), let key):
            guard let key = Sorting.Key(rawValue: key) else { return false }
            sorting.key = key
        case (UInt8(ascii: "O"), UInt8(ascii: "A")): sorting.isAscending = true
        case (UInt8(ascii: "O"), UInt8(ascii: "D")): sorting.isAscending = false
        case (UInt8(ascii: "F"), 0x30): set(format: 0x30, [])
        case (UInt8(ascii: "F"), 0x31): set(format: 0x31, .fancyIndexing)
        case (UInt8(ascii: "F"), 0x32): set(format: 0x32, .isFancy)
        case (UInt8(ascii: "V"), 0x30):
            options.remove(.versionSort)
            version = 0x30
        case (UInt8(ascii: "V"), 0x31):
            options.insert(.versionSort)
            version = 0x31
        default: return false
        }
        return true
    }

    private mutating func set(format: UInt8, _ shown: IndexOptions) {
        options.subtract(.isFancy)
        options.formUnion(shown)
        self.format = format
    }

    private func repetition(_ pool: Pool) -> Bytes {
        var page = Page()
        if let format {
            page.append(";F=")
            page.append(format)
        }
        if let version {
            page.append(";V=")
            page.append(version)
        }
        if let pattern {
            page.append(";P=")
            page.append(value: pattern)
        }
        return page.withBytes { pool.copy($0) }
    }
}
