/// Bytes of configuration that remember where each of them was written.
///
/// A logical line may be joined from several physical lines and hold the values of variables; a message about
/// any word of it still points at the place in the file.
struct SourceText {
    /// A run of bytes that stand one after the other in the file, or that all come from one `${VAR}`.
    private struct Run {
        var offset: Int32
        let line: Int32
        let column: Int32
        let isExpansion: Bool

        init(offset: Int, line: Int, column: Int, isExpansion: Bool) {
            self.offset = Int32(clamping: offset)
            self.line = Int32(clamping: line)
            self.column = Int32(clamping: column)
            self.isExpansion = isExpansion
        }

        /// The same run as it begins `distance` bytes further on.
        func moved(by distance: Int) -> Run {
            var moved = self
            moved.offset += Int32(clamping: distance)
            return moved
        }
    }

    let file: SourceFile
    private(set) var bytes: [UInt8] = []
    /// Nearly every text is one run, which needs no memory of its own.
    private var first: Run?
    private var others: [Run] = []

    init(file: SourceFile) {
        self.file = file
    }

    /// Bytes that stand in the file at `line` and `column`.
    init(file: SourceFile, _ bytes: ArraySlice<UInt8>, line: Int, column: Int) {
        self.file = file
        self.bytes = Array(bytes)
        first = Run(offset: 0, line: line, column: column, isExpansion: false)
    }

    var isEmpty: Bool { bytes.isEmpty }

    /// Where the text begins.
    var location: SourceLocation { location(at: 0) }

    /// Where the byte at `offset` was written; one past the end is allowed.
    func location(at offset: Int) -> SourceLocation {
        guard let run = run(at: offset) else { return SourceLocation(file: file) }
        let advance = run.isExpansion ? 0 : max(0, offset - Int(run.offset))
        return SourceLocation(file: file, line: Int(run.line), column: Int(run.column) + advance)
    }

    /// The last run that begins at or before `offset`.
    private func run(at offset: Int) -> Run? {
        let count = othersBegun(by: offset)
        return count > 0 ? others[count - 1] : first
    }

    /// How many of the others begin at or before `offset`; lines may have very many runs.
    private func othersBegun(by offset: Int) -> Int {
        var low = 0
        var high = others.count
        while low < high {
            let middle = (low + high) / 2
            if Int(others[middle].offset) <= offset { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private mutating func append(_ run: Run) {
        if first == nil { first = run } else { others.append(run) }
    }

    /// Adds bytes that stand in the file at `line` and `column`.
    mutating func append(_ more: some Collection<UInt8>, line: Int, column: Int) {
        append(Run(offset: bytes.count, line: line, column: column, isExpansion: false))
        bytes.append(contentsOf: more)
    }

    /// Adds the value of a variable that was written at `origin`.
    mutating func append(expansion value: [UInt8], of origin: SourceLocation) {
        append(Run(offset: bytes.count, line: origin.line, column: origin.column, isExpansion: true))
        bytes.append(contentsOf: value)
    }

    /// Adds a part of another text with its places.
    mutating func append(_ part: SourceText) {
        let base = bytes.count
        if let run = part.first { append(run.moved(by: base)) }
        for run in part.others { append(run.moved(by: base)) }
        bytes.append(contentsOf: part.bytes)
    }

    /// Drops what stands at or after `length`.
    mutating func truncate(to length: Int) {
        bytes.removeLast(bytes.count - length)
        while let last = others.last, last.offset > length { others.removeLast() }
        if others.isEmpty, let only = first, only.offset > length { first = nil }
    }

    /// A part of the text.
    subscript(range: Range<Int>) -> SourceText {
        if range == 0..<bytes.count { return self }
        var part = SourceText(file: file)
        part.bytes = Array(bytes[range])
        guard let run = run(at: range.lowerBound) else { return part }
        let start = location(at: range.lowerBound)
        part.first = Run(offset: 0, line: start.line, column: start.column, isExpansion: run.isExpansion)
        for run in others[othersBegun(by: range.lowerBound)...] {
            guard run.offset < range.upperBound else { break }
            part.others.append(run.moved(by: -range.lowerBound))
        }
        return part
    }

    /// The text without white space at either end.
    var trimmed: SourceText {
        guard let first = bytes.firstIndex(where: { !$0.isConfigSpace }),
            let last = bytes.lastIndex(where: { !$0.isConfigSpace })
        else { return self[bytes.count..<bytes.count] }
        return self[first..<last + 1]
    }
}
