/// One text that configuration is read from: a file, or the directives given on the command line.
///
/// The bytes are kept as long as the configuration, so that any later message can quote the line it is about.
final class SourceFile: Sendable {
    let path: String
    let bytes: [UInt8]
    /// The `Include` that named this file; nil for the main file and for the command line.
    let includedFrom: SourceLocation?
    /// How many files stand between this one and the main file.
    let includeDepth: Int
    /// Whether `includedFrom` is a `Use` rather than an `Include`.
    let isMacro: Bool
    private let lineStarts: [Int]

    init(path: String, bytes: [UInt8], includedFrom: SourceLocation? = nil) {
        self.path = path
        self.bytes = bytes
        self.includedFrom = includedFrom
        includeDepth = includedFrom.map { $0.file.includeDepth + 1 } ?? 0
        lineStarts = Self.findLineStarts(in: bytes)
        isMacro = false
    }

    /// The same text again, for what is read of a macro's body where it is used.
    init(macroBodyOf file: SourceFile, usedAt place: SourceLocation) {
        path = file.path
        bytes = file.bytes
        includedFrom = place
        includeDepth = place.file.includeDepth + 1
        lineStarts = file.lineStarts
        isMacro = true
    }

    /// Makes a source of the `-C` or `-c` directives, one a line.
    convenience init(commandLineDirectives directives: [String]) {
        self.init(path: "-c/-C directives", bytes: Array(directives.joined(separator: "\n").utf8))
    }

    var lineCount: Int { lineStarts.count }

    /// The bytes of a physical line, counted from 1, with its line feed if it has one.
    func lineWithTerminator(_ number: Int) -> ArraySlice<UInt8> {
        guard number >= 1, number <= lineStarts.count else { return [] }
        let end = number < lineStarts.count ? lineStarts[number] : bytes.count
        return bytes[lineStarts[number - 1]..<end]
    }

    private static func findLineStarts(in bytes: [UInt8]) -> [Int] {
        var starts = bytes.isEmpty ? [] : [0]
        for (offset, byte) in bytes.enumerated() where byte == 0x0A && offset + 1 < bytes.count {
            starts.append(offset + 1)
        }
        return starts
    }
}

/// A place in a configuration source; line and column count from 1, columns count bytes.
struct SourceLocation: CustomStringConvertible, Sendable {
    let file: SourceFile
    /// 0 means the file as a whole.
    let line: Int
    let column: Int

    init(file: SourceFile, line: Int = 0, column: Int = 0) {
        self.file = file
        self.line = line
        self.column = column
    }

    /// `path:line`, or the path alone for a whole file.
    var description: String { line > 0 ? "\(file.path):\(line)" : file.path }

    /// The places of the `Include` directives that led here, the nearest first.
    var includeChain: [SourceLocation] {
        Array(sequence(first: self) { $0.file.includedFrom }.dropFirst())
    }
}
