import ModuleKit

/// Conditions as httpd 2.2 had them: SSILegacyExprParser.
///
/// `&&` and `||` bind alike, and group from the right; comparisons bind more tightly, and `!` most tightly.
struct LegacyExpression {
    private enum Token: Equatable {
        case text([UInt8], isQuoted: Bool)
        case pattern([UInt8])
        case and, or, not, open, close, access
        case compare(Comparison)
    }

    private enum Comparison { case equal, unequal, less, lessOrEqual, greater, greaterOrEqual }

    private indirect enum Node {
        case nothing
        case text([UInt8])
        case access([UInt8])
        case compare(Comparison, [UInt8], [UInt8])
        case match(isWanted: Bool, [UInt8], pattern: [UInt8])
        case not(Node)
        case both(Node, Node)
        case either(Node, Node)

        /// What it matches, later elements may refer to.
        var holdsPattern: Bool {
            switch self {
            case .match: true
            case .not(let node): node.holdsPattern
            case .both(let left, let right), .either(let left, let right): left.holdsPattern || right.holdsPattern
            default: false
            }
        }
    }

    static func test(_ text: [UInt8], in document: Document) throws -> Bool {
        var parser = LegacyExpression(text)
        guard !parser.tokens.isEmpty else { return false }
        let node = try parser.sequence(depth: 0)
        guard parser.tokens.isEmpty else { throw parser.problem("a closing parenthesis has no opening one") }
        return try evaluate(node, document, parser)
    }

    // MARK: Words

    private let source: [UInt8]
    private var tokens: ArraySlice<Token>

    private init(_ text: [UInt8]) {
        source = text
        var scanner = Scanner(text)
        var tokens: [Token] = []
        while let token = scanner.next(after: tokens.last) { tokens.append(token) }
        self.tokens = tokens[...]
    }

    private func problem(_ reason: String) -> DirectiveError {
        DirectiveError("the expression \"\(String(decoding: source, as: UTF8.self))\" cannot be used: \(reason)")
    }

    private struct Scanner {
        private let text: [UInt8]
        private var position = 0

        init(_ text: [UInt8]) { self.text = text }

        private func byte(_ offset: Int = 0) -> UInt8? { position + offset < text.count ? text[position + offset] : nil }

        private mutating func skip(_ count: Int, _ token: Token) -> Token {
            position += count
            return token
        }

        mutating func next(after previous: Token?) -> Token? {
            while let byte = byte(), byte.isBlank { position += 1 }
            guard let first = byte() else { return nil }
            let second = byte(1)
            let isEqual = second == UInt8(ascii: "=")
            switch first {
            case UInt8(ascii: "("): return skip(1, .open)
            case UInt8(ascii: ")"): return skip(1, .close)
            case UInt8(ascii: "="): return skip(isEqual ? 2 : 1, .compare(.equal))
            case UInt8(ascii: "!"): return isEqual ? skip(2, .compare(.unequal)) : skip(1, .not)
            case UInt8(ascii: "<"): return isEqual ? skip(2, .compare(.lessOrEqual)) : skip(1, .compare(.less))
            case UInt8(ascii: ">"): return isEqual ? skip(2, .compare(.greaterOrEqual)) : skip(1, .compare(.greater))
            case UInt8(ascii: "|") where second == first: return skip(2, .or)
            case UInt8(ascii: "&") where second == first: return skip(2, .and)
            case UInt8(ascii: "-") where second == UInt8(ascii: "A") && (byte(2) ?? 0x20).isBlank: return skip(2, .access)
            case UInt8(ascii: "'"): return .text(quoted(by: first), isQuoted: true)
            case UInt8(ascii: "/") where previous != .access: return .pattern(quoted(by: first))
            default: return .text(plain(), isQuoted: false)
            }
        }

        /// Up to the next such mark; one behind a backslash is part of the text. Without an end it is nothing.
        private mutating func quoted(by mark: UInt8) -> [UInt8] {
            var out: [UInt8] = []
            position += 1
            while let byte = byte(), byte != mark {
                if byte == UInt8(ascii: "\\"), self.byte(1) == mark { position += 1 }
                out.append(text[position])
                position += 1
            }
            let hasEnd = position < text.count
            position += 1
            return hasEnd ? out : []
        }

        private mutating func plain() -> [UInt8] {
            var out: [UInt8] = []
            while let byte = byte(), !byte.isBlank {
                if Bytes("()=!<>").contains(byte) { break }
                if byte == UInt8(ascii: "|") || byte == UInt8(ascii: "&"), self.byte(1) == byte { break }
                if byte == UInt8(ascii: "\\"), let next = self.byte(1) {
                    out.append(byte)
                    out.append(next)
                    position += 2
                    continue
                }
                out.append(byte)
                position += 1
            }
            return out
        }
    }

    // MARK: Structure

    private static let deepest = 200

    private mutating func sequence(depth: Int) throws -> Node {
        guard depth < Self.deepest else { throw problem("it is nested too deeply") }
        let left = try term(depth: depth)
        guard let token = tokens.first, token == .and || token == .or else { return left }
        tokens.removeFirst()
        let right = try sequence(depth: depth + 1)
        return token == .and ? .both(left, right) : .either(left, right)
    }

    private mutating func term(depth: Int) throws -> Node {
        guard depth < Self.deepest else { throw problem("it is nested too deeply") }
        switch tokens.popFirst() {
        case .not:
            // Nothing at all holds, within parentheses, too.
            return tokens.isEmpty ? .not(.nothing) : .not(try operand(depth: depth + 1))
        case .open:
            if tokens.first == .close {
                tokens.removeFirst()
                return .nothing
            }
            let node = try sequence(depth: depth + 1)
            guard tokens.popFirst() == .close else { throw problem("an opening parenthesis has no closing one") }
            return node
        case .access:
            guard case .text(let path, _) = tokens.popFirst() else { throw problem("a path is missing behind -A") }
            return .access(path)
        case .text(let first, _): return try comparison(joined(first))
        case .pattern: throw problem("an operator is missing before a regular expression")
        default: throw problem("something is missing, or stands at a wrong place")
        }
    }

    /// What `!` stands before: it binds more tightly than a comparison.
    private mutating func operand(depth: Int) throws -> Node {
        guard case .text(let first, _) = tokens.first else { return try term(depth: depth) }
        tokens.removeFirst()
        return .text(joined(first))
    }

    /// Texts in a row are one, with spaces between.
    private mutating func joined(_ first: [UInt8]) -> [UInt8] {
        var text = first
        while case .text(let next, _) = tokens.first {
            tokens.removeFirst()
            text += [0x20] + next
        }
        return text
    }

    private mutating func comparison(_ left: [UInt8]) throws -> Node {
        guard case .compare(let comparison) = tokens.first else { return .text(left) }
        tokens.removeFirst()
        switch tokens.popFirst() {
        case .text(let right, _): return .compare(comparison, left, joined(right))
        case .pattern(let pattern) where comparison == .equal || comparison == .unequal:
            return .match(isWanted: comparison == .equal, left, pattern: pattern)
        default: throw problem("a comparison has nothing to compare with")
        }
    }

    // MARK: Value

    private static func evaluate(_ node: Node, _ document: Document, _ parser: LegacyExpression) throws -> Bool {
        func text(_ raw: [UInt8]) -> [UInt8] { Substitution.expand(raw, in: document, .drop) }
        switch node {
        case .nothing: return true
        case .text(let raw): return !text(raw).isEmpty
        case .access(let path):
            guard let sub = document.lookup(text(path)) else { return false }
            defer { sub.destroy() }
            return sub.status == 200
        case .compare(let comparison, let left, let right): return compare(text(left), comparison, text(right))
        case .match(let isWanted, let left, let pattern): return try matches(text(left), pattern, document) == isWanted
        case .not(let inner): return try !evaluate(inner, document, parser)
        case .both(let left, let right):
            let first = try evaluate(left, document, parser)
            return try (first || right.holdsPattern) && evaluate(right, document, parser) && first
        case .either(let left, let right):
            let first = try evaluate(left, document, parser)
            return try (!first || right.holdsPattern) && evaluate(right, document, parser) || first
        }
    }

    private static func compare(_ left: [UInt8], _ comparison: Comparison, _ right: [UInt8]) -> Bool {
        switch comparison {
        case .equal: left == right
        case .unequal: left != right
        case .less: left.lexicographicallyPrecedes(right)
        case .greaterOrEqual: !left.lexicographicallyPrecedes(right)
        case .greater: right.lexicographicallyPrecedes(left)
        case .lessOrEqual: !right.lexicographicallyPrecedes(left)
        }
    }

    private static func matches(_ text: [UInt8], _ pattern: [UInt8], _ document: Document) throws -> Bool {
        let pool = document.request.pool
        let compiled = try pattern.withBytes { try Pattern($0, in: pool) }
        return withUnsafeTemporaryAllocation(of: Int64.self, capacity: Captures.spanCount) { spans in
            spans.initialize(repeating: -1)
            let subject = text.withBytes { pool.copy($0) }
            guard compiled.match(subject, spans: spans) else { return false }
            document.variables.captures = Captures(subject: subject, spans: Array(spans))
            return true
        }
    }
}
