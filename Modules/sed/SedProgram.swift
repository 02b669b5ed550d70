import ModuleKit

/// A script, taken apart.
final class SedProgram {
    enum Address {
        case line(Int)
        case last
        case pattern(SedPattern)
    }

    enum Action {
        case beginBlock(end: Int)
        case endBlock
        case label
        case lineNumber
        case append([UInt8])
        case insert([UInt8])
        /// Nil: the end of the script.
        case branch(to: Int?)
        case branchIfChanged(to: Int?)
        case change([UInt8])
        case delete
        case deleteFirstLine
        case fromHold
        case appendFromHold
        case toHold
        case appendToHold
        case exchange
        case list
        case next
        case appendNext
        case print
        case printFirstLine
        case quit
        case readFile(String)
        case substitute(Substitute)
        case writeFile(String)
        case transliterate([UInt8])
    }

    struct Substitute {
        let pattern: SedPattern
        let replacement: [Part]
        /// The first match that is replaced.
        let first: Int
        let isGlobal: Bool
        let prints: Bool
        let file: String?

        enum Part {
            case text([UInt8])
            /// 0: the whole match.
            case group(Int)
        }
    }

    struct Instruction {
        var from: Address?
        var to: Address?
        var isNegated = false
        var action: Action
    }

    let instructions: [Instruction]
    /// The script begins with a line "#n": lines are printed on demand only.
    let isQuiet: Bool

    /// - Throws: `DirectiveError` that says what is wrong, or `UnfinishedScript`.
    init(_ source: [UInt8], in pool: Pool) throws {
        isQuiet = source.starts(with: Array("#n\n".utf8)) || source == Array("#n".utf8)
        var parser = SedParser(source, pool)
        instructions = try parser.parse()
    }
}

/// A pattern, and the same for what follows an earlier match.
struct SedPattern {
    private let whole: Pattern
    /// It does not match at the beginning of its subject, which is the byte before the rest.
    private let rest: Pattern

    init(_ basic: [UInt8], in pool: Pool) throws {
        func compiled(_ prefix: String, _ suffix: String) throws -> Pattern {
            let text = Array(prefix.utf8) + BasicPattern.translated(basic) + Array(suffix.utf8)
            return try text.withUnsafeBytes { try Pattern(Bytes($0), in: pool) }
        }
        whole = try compiled("(?s)", "")
        rest = try compiled("(?s)(?<=.)(?:", ")")
    }

    var groups: Int { whole.groups }

    func matches(_ text: Bytes) -> Bool { whole.matches(text) }

    /// The first match from a place on; the spans are those in the whole text.
    func match(_ text: Bytes, from start: Int, spans: UnsafeMutableBufferPointer<Int64>) -> Range<Int>? {
        spans.initialize(repeating: -1)
        let before = max(0, start - 1)
        guard (start == 0 ? whole : rest).match(text.from(before), spans: spans), spans[0] >= 0 else { return nil }
        for index in spans.indices where spans[index] >= 0 { spans[index] += Int64(before) }
        return Int(spans[0])..<Int(spans[1])
    }
}
