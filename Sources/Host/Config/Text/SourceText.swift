/// Bytes of configuration that remember where each of them was written.
///
/// A logical line may be joined from several physical lines and hold the values of variables; a message about
/// any word of it still points at the place in the file.
struct SourceText {
    /// A run of bytes that stand one after the other in the file, or that all come from one `${VAR}`.
    private struct Run {
        let offset: Int
        let line: Int
        let column: Int
        let isExpansion: Bool
    }

    let file: SourceFile
    private(set) var bytes: [UInt8] = []
    private var runs: [Run] = []

    init(file: SourceFile) {
        self.file = file
    }

    var isEmpty: Bool { bytes.isEmpty }

    /// Where the text begins.
    var location: SourceLocation { location(at: 0) }

    /// Where the byte at `offset` was written; one past the end is allowed.
    func location(at offset: Int) -> SourceLocation {
        guard !runs.isEmpty else { return SourceLocation(file: file) }
        let run = runs[runIndex(at: offset)]
        let advance = run.isExpansion ? 0 : max(0, offset - run.offset)
        return SourceLocation(file: file, line: run.line, column: run.column + advance)
    }

    /// The index of the last run that begins at or before `offset`; lines may have very many runs.
    private func runIndex(at offset: Int) -> Int {
        var low = 0
        var high = runs.count
        while low < high {
            let middle = (low + high) / 2
            if runs[middle].offset <= offset { low = middle + 1 } else { high = middle }
        }
        return max(0, low - 1)
    }

    /// Adds bytes that stand in the file at `line` and `column`.
    mutating func append(_ more: some Collection<UInt8>, line: Int, column: Int) {
        runs.append(Run(offset: bytes.count, line: line, column: column, isExpansion: false))
        bytes.append(contentsOf: more)
    }

    /// Adds the value of a variable that was written at `origin`.
    mutating func append(expansion value: [UInt8], of origin: SourceLocation) {
        runs.append(
            Run(offset: bytes.count, line: origin.line, column: origin.column, isExpansion: true))
        bytes.append(contentsOf: value)
    }

    /// Adds a part of another text with its places.
    mutating func append(_ part: SourceText) {
        let base = bytes.count
        for run in part.runs {
            runs.append(
                Run(
                    offset: base + run.offset, line: run.line, column: run.column,
                    isExpansion: run.isExpansion))
        }
        bytes.append(contentsOf: part.bytes)
    }

    /// Drops what stands at or after `length`.
    mutating func truncate(to length: Int) {
        bytes.removeLast(bytes.count - length)
        while let last = runs.last, last.offset > length { runs.removeLast() }
    }

    /// A part of the text.
    subscript(range: Range<Int>) -> SourceText {
        var part = SourceText(file: file)
        part.bytes = Array(bytes[range])
        guard !runs.isEmpty else { return part }
        let first = runIndex(at: range.lowerBound)
        let start = location(at: range.lowerBound)
        part.runs = [
            Run(offset: 0, line: start.line, column: start.column, isExpansion: runs[first].isExpansion)
        ]
        for run in runs[(first + 1)...] {
            guard run.offset < range.upperBound else { break }
            part.runs.append(
                Run(
                    offset: run.offset - range.lowerBound, line: run.line, column: run.column,
                    isExpansion: run.isExpansion))
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
