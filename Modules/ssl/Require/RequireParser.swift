import ModuleKit

/// A value in an SSLRequire expression.
indirect enum RequireWord {
    case text(Bytes)
    case variable(Expression)
    /// file("path"): the file's contents.
    case file(String)
}

/// An SSLRequire expression.
indirect enum RequireNode {
    case constant(Bool)
    case not(RequireNode)
    case and(RequireNode, RequireNode)
    case or(RequireNode, RequireNode)
    case compare(RequireWord, RequireComparison, RequireWord)
    case member(RequireWord, [RequireWord])
    /// PeerExtList: the values of an extension of the client's certificate.
    case peerMember(RequireWord, oid: RequireWord)
    case match(RequireWord, Pattern, isNegated: Bool)
}

/// Reads expressions by precedence: ! before && before ||.
struct RequireParser {
    private var lexer: RequireLexer
    private var token = RequireToken.end
    private let command: Command
    private var pool: Pool { command.pool }
    private var depth = 0
    private static let maxDepth = 100

    init(_ text: Bytes, in command: Command) {
        lexer = RequireLexer(text)
        self.command = command
    }

    mutating func parse() throws -> RequireNode {
        do {
            try advance()
            let node = try disjunction()
            guard token == .end else { throw DirectiveError("the expression goes on where it should end") }
            return node
        } catch let error as DirectiveError {
            throw DirectiveError("SSLRequire: \(error.message) (at character \(lexer.offset))")
        }
    }

    private mutating func advance() throws { token = try lexer.next() }

    private mutating func disjunction() throws -> RequireNode {
        var node = try conjunction()
        while token == .or {
            try advance()
            node = .or(node, try conjunction())
        }
        return node
    }

    private mutating func conjunction() throws -> RequireNode {
        var node = try factor()
        while token == .and {
            try advance()
            node = .and(node, try factor())
        }
        return node
    }

    private mutating func factor() throws -> RequireNode {
        depth += 1
        defer { depth -= 1 }
        guard depth < RequireParser.maxDepth else { throw DirectiveError("the expression is nested too deeply") }
        switch token {
        case .not:
            try advance()
            return .not(try factor())
        case .isTrue, .isFalse:
            let value = token == .isTrue
            try advance()
            return .constant(value)
        case .open:
            try advance()
            let node = try disjunction()
            try expect(.close, ")")
            return node
        default: return try comparison()
        }
    }

    private mutating func comparison() throws -> RequireNode {
        let left = try word()
        switch token {
        case .comparison(let operation):
            try advance()
            return .compare(left, operation, try word())
        case .inList:
            try advance()
            return try membership(left)
        case .matches, .matchesNot:
            let isNegated = token == .matchesNot
            try advance()
            return try match(left, isNegated)
        default: throw DirectiveError("a comparison is missing: ==, !=, <, <=, >, >=, =~, !~ or in")
        }
    }

    private mutating func membership(_ left: RequireWord) throws -> RequireNode {
        if token == .peerExtensions {
            try advance()
            try expect(.open, "(")
            let oid = try word()
            try expect(.close, ")")
            return .peerMember(left, oid: oid)
        }
        try expect(.listOpen, "{")
        var words = [try word()]
        while token == .comma {
            try advance()
            words.append(try word())
        }
        try expect(.listClose, "}")
        return .member(left, words)
    }

    private mutating func match(_ left: RequireWord, _ isNegated: Bool) throws -> RequireNode {
        guard case .pattern(let text, let ignoresCase) = token else {
            throw DirectiveError("a pattern is missing, as in m#…# or m/…/i")
        }
        try advance()
        let pattern = try Pattern(pool.copy(text), flags: ignoresCase ? APUS_REGEX_ICASE : 0, in: pool)
        return .match(left, pattern, isNegated: isNegated)
    }

    private mutating func word() throws -> RequireWord {
        switch token {
        case .number(let text), .string(let text):
            try advance()
            return .text(pool.copy(text))
        case .variable(let name):
            try advance()
            guard let variable = Expression(variable: pool.copy(name), in: command) else {
                throw DirectiveError("there is no variable %{\(name)}")
            }
            return .variable(variable)
        case .fileFunction:
            guard command.scopeKind != APUS_SCOPE_HTACCESS else {
                throw DirectiveError("file() is not allowed in .htaccess")
            }
            try advance()
            try expect(.open, "(")
            guard case .string(let path) = token else { throw DirectiveError("file() takes a path in \"") }
            try advance()
            try expect(.close, ")")
            return .file(path)
        default: throw DirectiveError("a value is missing: a number, a text in \", or %{NAME}")
        }
    }

    private mutating func expect(_ wanted: RequireToken, _ sign: String) throws {
        guard token == wanted else { throw DirectiveError("\"\(sign)\" is missing") }
        try advance()
    }
}
