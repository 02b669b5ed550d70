import ModuleKit

/// A test string, a substitution or a flag's value: text with back-references, variables and map look-ups in it.
struct Template: BitwiseCopyable {
    enum Piece: BitwiseCopyable {
        case text(Bytes)
        /// $0 … $9
        case ruleGroup(UInt8)
        /// %0 … %9
        case conditionGroup(UInt8)
        /// %{…}
        case variable(Variable)
        /// ${map:key|default}
        case map(UnsafePointer<MapCall>)
    }

    private(set) var pieces = PoolArray<Piece>()

    init() {}

    init(_ text: Bytes, _ source: RuleSource) throws {
        var scan = TemplateScan(text, source)
        pieces = try scan.pieces()
    }

    var isEmpty: Bool { pieces.isEmpty }

    /// Whether it holds what may take time to find out.
    var mayWait: Bool {
        pieces.elements.contains {
            switch $0 {
            case .map, .variable(.fact(.scriptUser)), .variable(.fact(.scriptGroup)): true
            default: false
            }
        }
    }
}

/// A look-up of a key in a map by the map's name.
struct MapCall: BitwiseCopyable {
    var name: Bytes
    var key: Template
    var fallback: Template
}

/// Takes the text of a template apart.
private struct TemplateScan {
    private let text: Bytes
    private let source: RuleSource
    private var found = PoolArray<Template.Piece>()
    private var plain: [UInt8] = []

    init(_ text: Bytes, _ source: RuleSource) {
        self.text = text
        self.source = source
    }

    mutating func pieces() throws -> PoolArray<Template.Piece> {
        var at = 0
        while at < text.count {
            let byte = text[at]
            let next = at + 1 < text.count ? text[at + 1] : 0
            switch byte {
            case backslash where at + 1 < text.count:
                plain.append(next)
                at += 2
            case dollar where next.isDigit:
                append(.ruleGroup(next - zero))
                at += 2
            case percent where next.isDigit:
                append(.conditionGroup(next - zero))
                at += 2
            case dollar where next == openBrace, percent where next == openBrace:
                at = try takeBraces(at)
            default:
                plain.append(byte)
                at += 1
            }
        }
        flush()
        return found
    }

    /// `%{…}` or `${…}` at `at`; one that is never closed, or a map without a key, stands for itself.
    private mutating func takeBraces(_ at: Int) throws -> Int {
        guard let end = text.closingBrace(from: at + 2) else { return takeLiterally(at) }
        let inside = text[at + 2..<end]
        if text[at] == percent {
            append(.variable(Variable(inside, in: source.pool)))
            return end + 1
        }
        guard let colon = inside.firstIndexOutsideBraces(of: UInt8(ascii: ":")) else { return takeLiterally(at) }
        let rest = inside.from(colon + 1)
        let bar = rest.firstIndexOutsideBraces(of: UInt8(ascii: "|"))
        let call = source.pool.allocate(MapCall.self)
        call.initialize(
            to: MapCall(
                name: source.pool.copy(inside.upTo(colon)),
                key: try Template(bar.map { rest.upTo($0) } ?? rest, source),
                fallback: try bar.map { try Template(rest.from($0 + 1), source) } ?? Template()))
        append(.map(UnsafePointer(call)))
        return end + 1
    }

    private mutating func takeLiterally(_ at: Int) -> Int {
        plain.append(text[at])
        plain.append(text[at + 1])
        return at + 2
    }

    private mutating func append(_ piece: Template.Piece) {
        flush()
        found.append(piece, in: source.pool)
    }

    private mutating func flush() {
        guard !plain.isEmpty else { return }
        found.append(.text(plain.withUnsafeBytes { source.pool.copy(Bytes($0)) }), in: source.pool)
        plain.removeAll()
    }

    private let backslash = UInt8(ascii: "\\")
    private let dollar = UInt8(ascii: "$")
    private let percent = UInt8(ascii: "%")
    private let openBrace = UInt8(ascii: "{")
    private let zero = UInt8(ascii: "0")
}

extension Bytes {
    /// Where the brace closes that was opened just before `start`.
    fileprivate func closingBrace(from start: Int) -> Int? {
        var depth = 1
        for index in start..<Swift.max(start, count) {
            if self[index] == UInt8(ascii: "}") {
                depth -= 1
                if depth == 0 { return index }
            } else if self[index] == UInt8(ascii: "{") {
                depth += 1
            }
        }
        return nil
    }

    /// The first such byte that stands in no braces.
    fileprivate func firstIndexOutsideBraces(of byte: UInt8) -> Int? {
        var depth = 0
        for index in 0..<count {
            if self[index] == byte, depth == 0 { return index }
            if self[index] == UInt8(ascii: "{") { depth += 1 }
            if self[index] == UInt8(ascii: "}") { depth -= 1 }
        }
        return nil
    }
}
