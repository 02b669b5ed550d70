import ByteKit
import ModuleABI

/// Why a text is no expression.
struct ExprProblem: Error {
    let message: String
    /// The byte it is wrong at.
    let offset: Int
}

/// Compiles expressions: one function for each rule of httpd's grammar, the loosest first.
struct ExprParser {
    let text: Bytes
    let arena: Arena.Ref
    let registry: ExprRegistry?
    /// Text of .htaccess: see APUS_EXPR_HTACCESS.
    let isRestricted: Bool
    var at = 0
    /// What has been named so far.
    var variables = ExprVariable.Set()
    /// How deep the rules are nested in each other: evaluation needs as much of the stack.
    private var depth = 0

    private static let depthLimit = 64

    init(_ text: Bytes, in arena: Arena.Ref, _ registry: ExprRegistry?, isRestricted: Bool) {
        self.text = text
        self.arena = arena
        self.registry = registry
        self.isRestricted = isRestricted
    }

    /// Compiles `text`; the outcome keeps a copy of it in `arena`.
    static func compile(
        _ text: Bytes, flags: UInt32, in arena: Arena.Ref, _ registry: ExprRegistry?
    ) throws(ExprProblem) -> Expression.Ref {
        let kept = text.isEmpty ? Bytes("") : arena.copy(text)
        var parser = ExprParser(kept, in: arena, registry, isRestricted: flags & APUS_EXPR_HTACCESS != 0)
        let isString = flags & APUS_EXPR_STRING != 0
        let root: Expression.Root = isString ? .word(try parser.wholeString()) : .condition(try parser.wholeCondition())
        return Expression.Ref(
            arena.new(
                Expression(
                    text: kept, root: root, varies: !isString && flags & APUS_EXPR_NO_VARY == 0,
                    variables: parser.variables)))
    }

    // MARK: Conditions

    private mutating func wholeCondition() throws(ExprProblem) -> ExprCondition {
        skipSpace()
        guard at < text.count else { throw ExprProblem(message: "the condition is empty", offset: at) }
        let condition = try anyOf()
        guard at == text.count else { throw unexpected("an operator such as && or ||, or the end") }
        return condition
    }

    private mutating func anyOf() throws(ExprProblem) -> ExprCondition {
        try enter()
        defer { depth -= 1 }
        var parts = [try allOf()]
        while take("||") || takeKeyword("or") { parts.append(try allOf()) }
        return parts.count == 1 ? parts[0] : .any(kept(parts))
    }

    private mutating func allOf() throws(ExprProblem) -> ExprCondition {
        var parts = [try negation()]
        while take("&&") || takeKeyword("and") { parts.append(try negation()) }
        return parts.count == 1 ? parts[0] : .all(kept(parts))
    }

    private mutating func negation() throws(ExprProblem) -> ExprCondition {
        skipSpace()
        guard take("!") || takeKeyword("not") else { return try single() }
        try enter()
        defer { depth -= 1 }
        return .not(kept(try negation()))
    }

    private mutating func single() throws(ExprProblem) -> ExprCondition {
        skipSpace()
        if take("(") {
            let inner = try anyOf()
            guard take(")") else { throw unexpected("a closing parenthesis") }
            return inner
        }
        if takeKeyword("true") { return .constant(true) }
        if takeKeyword("false") { return .constant(false) }
        if let name = dashName(), !name.isEmpty { return try unaryTest(name) }
        return try comparison(of: try word())
    }

    /// `-x WORD`
    private mutating func unaryTest(_ name: Bytes) throws(ExprProblem) -> ExprCondition {
        let start = at
        guard name.count == 1 else { throw unexpected("a word, for -\(name.string) stands between two of them") }
        at += 2
        skipSpace()
        if name == "R" { return .inSubnet(nil, try subnet("-R")) }
        let operand = kept(try word())
        if let test = ExprTest(letter: name[0]) {
            if test.isRestricted { try refuseInHtaccess("-\(name.string)", start) }
            return .test(test, operand)
        }
        guard let addition = registry?.operators["-\(name.string)"] else {
            throw ExprProblem(message: "there is no operator -\(name.string)", offset: start)
        }
        if addition.pointee.isRestricted { try refuseInHtaccess("-\(name.string)", start) }
        return .moduleTest(addition, nil, operand)
    }

    /// What follows a word.
    private mutating func comparison(of left: ExprWord) throws(ExprProblem) -> ExprCondition {
        skipSpace()
        let left = kept(left)
        if take("=~") { return .regex(left, try regex(), isNegated: false) }
        if take("!~") { return .regex(left, try regex(), isNegated: true) }
        if let comparison = textComparison() { return .texts(comparison, left, kept(try word())) }
        if takeKeyword("in") { return try membership(of: left) }
        let start = at
        if let name = identifier(), let comparison = ExprNames.comparisons[name.string] {
            at += name.count
            return .numbers(comparison, left, kept(try word()))
        }
        guard let name = dashName(), name.count > 1 else { throw unexpected("an operator such as == or =~") }
        at += name.count + 1
        return try named(name, left, start)
    }

    private mutating func textComparison() -> ExprComparison? {
        if take("==") { return .equal }
        if take("!=") { return .notEqual }
        if take("<=") { return .lessOrEqual }
        if take(">=") { return .greaterOrEqual }
        if take("<") { return .less }
        if take(">") { return .greater }
        return take("=") ? .equal : nil
    }

    /// `WORD -name WORD`
    private mutating func named(_ name: Bytes, _ left: UnsafePointer<ExprWord>, _ start: Int) throws(ExprProblem) -> ExprCondition {
        let written = name.string
        // As in httpd, the operators that are part of the grammar are known in lower case only.
        if let comparison = ExprNames.comparisons[written] { return .numbers(comparison, left, kept(try word())) }
        if written == "in" { return try membership(of: left) }
        let key = written.asciiLowered
        if key == "ipmatch" { return .inSubnet(left, try subnet("-ipmatch")) }
        if let wildcard = ExprNames.wildcards[key] { return .wildcard(wildcard, left, kept(try word())) }
        guard let addition = registry?.operators["-\(key)"] else {
            throw ExprProblem(message: "there is no operator -\(written)", offset: start)
        }
        if addition.pointee.isRestricted { try refuseInHtaccess("-\(written)", start) }
        return .moduleTest(addition, left, kept(try word()))
    }

    /// `-in { WORD, … }` and `-in LIST(WORD)`
    private mutating func membership(of left: UnsafePointer<ExprWord>) throws(ExprProblem) -> ExprCondition {
        skipSpace()
        let start = at
        if let name = identifier() {
            at += name.count
            let argument = kept(try parenthesized(name))
            guard let addition = registry?.lists[name.string.asciiLowered] else {
                throw ExprProblem(message: "there is no function \(name.string) that answers a list", offset: start)
            }
            if addition.pointee.isRestricted { try refuseInHtaccess("\(name.string)()", start) }
            return .isInList(left, addition, argument)
        }
        guard take("{") else { throw unexpected("a list such as {'a', 'b'}") }
        var items = [try word()]
        while take(",") { items.append(try word()) }
        guard take("}") else { throw unexpected("a comma or }") }
        return .isIn(left, kept(items))
    }

    private mutating func subnet(_ operation: String) throws(ExprProblem) -> Subnet {
        skipSpace()
        let start = at
        guard case .constant(let written) = try word() else {
            throw ExprProblem(message: "\(operation) needs an address written out, without variables", offset: start)
        }
        do throws(Subnet.Problem) {
            return try Subnet(written)
        } catch {
            throw ExprProblem(
                message: "\"\(written.string)\" is no address with a netmask, such as 192.168.0.0/16, 10.1 or 2001:db8::/32",
                offset: start)
        }
    }

    // MARK: Parts

    private mutating func regex() throws(ExprProblem) -> UnsafePointer<Regex> {
        skipSpace()
        let start = at
        guard let body = regexBody() else { throw unexpected("a regular expression such as /^a/ or m#^/a#i") }
        var flags: UInt32 = 0
        if at < text.count, text[at] == UInt8(ascii: "i") {
            flags |= APUS_REGEX_ICASE
            at += 1
        }
        if at < text.count, text[at].isExprName { throw unexpected("i, the only flag of a regular expression") }
        do throws(Regex.Problem) {
            return try Regex.compile(body, flags: flags, in: arena)
        } catch {
            throw ExprProblem(
                message: "the regular expression \"\(body.string)\" cannot be compiled: \(error.message)",
                offset: start + 1 + error.offset)
        }
    }

    /// What stands between the delimiters; there is no way to write the delimiter itself.
    private mutating func regexBody() -> Bytes? {
        guard at + 1 < text.count else { return nil }
        var open = at
        if text[open] == UInt8(ascii: "m"), Bytes("/#$%^|?!'\",;:.-").contains(text[open + 1]) { open += 1 }
        guard open > at || text[open] == UInt8(ascii: "/"), let close = text.firstIndex(of: text[open], from: open + 1) else {
            return nil
        }
        at = close + 1
        return text[open + 1..<close]
    }

    /// The name after a minus: that of an operator. Nothing is taken.
    private func dashName() -> Bytes? {
        guard at + 1 < text.count, text[at] == 0x2d, text[at + 1].isASCIILetter else { return nil }
        return name(from: at + 1)
    }

    // MARK: Bytes

    mutating func skipSpace() {
        while at < text.count, text[at] == 0x20 || text[at] &- 9 < 5 { at += 1 }
    }

    mutating func take(_ mark: StaticString) -> Bool {
        skipSpace()
        guard text.from(at).hasPrefix(mark) else { return false }
        at += mark.utf8CodeUnitCount
        return true
    }

    private mutating func takeKeyword(_ keyword: StaticString) -> Bool {
        skipSpace()
        guard let name = identifier(), name == keyword else { return false }
        at += name.count
        return true
    }

    /// The name that begins here. Nothing is taken.
    func identifier() -> Bytes? {
        guard at < text.count, text[at].isASCIILetter else { return nil }
        return name(from: at)
    }

    private func name(from start: Int) -> Bytes {
        var end = start
        while end < text.count, text[end].isExprName { end += 1 }
        return text[start..<end]
    }

    func unexpected(_ wanted: String) -> ExprProblem {
        guard at < text.count else { return ExprProblem(message: "it ends where \(wanted) should follow", offset: at) }
        let found = name(from: at)
        let shown = found.isEmpty ? text[at..<at + 1] : found
        return ExprProblem(message: "\"\(shown.string)\" stands where \(wanted) should", offset: at)
    }

    func refuseInHtaccess(_ what: String, _ offset: Int) throws(ExprProblem) {
        guard isRestricted else { return }
        throw ExprProblem(
            message: "\(what) cannot be used in .htaccess, because it tells of files or the environment of the server",
            offset: offset)
    }

    mutating func enter() throws(ExprProblem) {
        depth += 1
        guard depth <= ExprParser.depthLimit else {
            throw ExprProblem(message: "it is nested more than \(ExprParser.depthLimit) levels deep", offset: at)
        }
    }

    mutating func leave() { depth -= 1 }

    func kept<T: BitwiseCopyable>(_ node: T) -> UnsafePointer<T> { UnsafePointer(arena.new(node)) }
    func kept<T: BitwiseCopyable>(_ nodes: [T]) -> UnsafeBufferPointer<T> { UnsafeBufferPointer(arena.copy(nodes)) }
}
