import ByteKit
import ModuleABI

/// Words: what has a string for its value.
extension ExprParser {
    mutating func word() throws(ExprProblem) -> ExprWord {
        var parts = [try wordPart()]
        while take(".") { parts.append(try wordPart()) }
        return parts.count == 1 ? parts[0] : .joined(kept(parts))
    }

    private mutating func wordPart() throws(ExprProblem) -> ExprWord {
        skipSpace()
        guard at < text.count else { throw unexpected("a word") }
        let byte = text[at]
        if byte == 0x22 || byte == 0x27 { return try quoted(byte) }
        if let reference = try reference() { return reference }
        if let digits = number() { return .constant(digits) }
        guard let name = identifier() else { throw unexpected("a word, such as 'text', 42 or %{VARIABLE}") }
        let start = at
        at += name.count
        skipSpace()
        guard at < text.count, text[at] == UInt8(ascii: "(") else {
            at = start
            throw unexpected("a word; a text is written '\(name.string)', a variable %{\(name.string)}, and a function "
                + "\(name.string)('…')")
        }
        return try function(name, of: try parenthesized(name), start)
    }

    /// `(WORD)` after the name of a function.
    mutating func parenthesized(_ name: Bytes) throws(ExprProblem) -> ExprWord {
        guard take("(") else { throw unexpected("the parenthesis of the function \(name.string)") }
        try enter()
        defer { leave() }
        let argument = try word()
        guard take(")") else { throw unexpected("a closing parenthesis") }
        return argument
    }

    private mutating func number() -> Bytes? {
        let start = at
        var end = text[at] == 0x2d ? at + 1 : at
        let digits = end
        while end < text.count, text[end].isDigit { end += 1 }
        guard end > digits else { return nil }
        at = end
        return text[start..<end]
    }

    // MARK: Strings

    private mutating func quoted(_ quote: UInt8) throws(ExprProblem) -> ExprWord {
        let start = at
        at += 1
        let content = try string(until: quote)
        guard at < text.count else { throw ExprProblem(message: "the string is not closed", offset: start) }
        at += 1
        return content
    }

    /// The whole text as a string.
    mutating func wholeString() throws(ExprProblem) -> ExprWord { try string(until: nil) }

    /// Text with variables in it, up to `end`, which is not taken.
    private mutating func string(until end: UInt8?) throws(ExprProblem) -> ExprWord {
        var parts: [ExprWord] = []
        var literal: [UInt8] = []
        func flush() {
            guard !literal.isEmpty else { return }
            parts.append(.constant(arena.copy(literal)))
            literal = []
        }
        while at < text.count, text[at] != end {
            if let reference = try reference() {
                flush()
                parts.append(reference)
            } else {
                literal.append(try stringByte())
            }
        }
        flush()
        if parts.isEmpty { return .constant(Bytes("")) }
        return parts.count == 1 ? parts[0] : .joined(kept(parts))
    }

    private mutating func stringByte() throws(ExprProblem) -> UInt8 {
        let byte = text[at]
        at += 1
        guard byte == 0x5c, at < text.count else { return byte }
        if text[at].isDigit { return try octal() }
        let escaped = text[at]
        at += 1
        return switch escaped {
        case UInt8(ascii: "n"): 0x0a
        case UInt8(ascii: "r"): 0x0d
        case UInt8(ascii: "t"): 0x09
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0c
        default: escaped
        }
    }

    /// `\101`: up to three octal digits.
    private mutating func octal() throws(ExprProblem) -> UInt8 {
        let start = at - 1
        var value = 0
        while at < text.count, text[at].isDigit {
            guard text[at] < UInt8(ascii: "8"), at - start <= 3 else {
                throw ExprProblem(message: "a backslash with digits takes one to three of them, 0 to 7", offset: start)
            }
            value = value * 8 + Int(text[at] - 0x30)
            at += 1
        }
        guard (1...255).contains(value) else {
            throw ExprProblem(message: "a byte is written \\001 to \\377", offset: start)
        }
        return UInt8(value)
    }

    // MARK: References

    /// `$1` or `%{…}`; nil: neither begins here.
    private mutating func reference() throws(ExprProblem) -> ExprWord? {
        guard at + 1 < text.count else { return nil }
        if text[at] == UInt8(ascii: "$"), text[at + 1].isDigit {
            defer { at += 2 }
            return .group(Int(text[at + 1] - 0x30))
        }
        guard text[at] == UInt8(ascii: "%"), text[at + 1] == UInt8(ascii: "{") else { return nil }
        return try variable()
    }

    /// `%{NAME}` or `%{function:text}`
    private mutating func variable() throws(ExprProblem) -> ExprWord {
        let start = at
        at += 2
        guard let name = identifier() else { throw unexpected("the name of a variable") }
        at += name.count
        guard at < text.count else { throw ExprProblem(message: "the variable is not closed with }", offset: start) }
        if text[at] == UInt8(ascii: "}") {
            at += 1
            return try lookup(name, start)
        }
        guard text[at] == UInt8(ascii: ":") else { throw unexpected("} or :") }
        at += 1
        try enter()
        defer { leave() }
        let first = at
        let argument = try string(until: UInt8(ascii: "}"))
        guard at < text.count else { throw ExprProblem(message: "the function is not closed with }", offset: start) }
        guard at > first else { throw ExprProblem(message: "the function \(name.string) gets nothing", offset: start) }
        at += 1
        return try function(name, of: argument, start)
    }

    /// What stands between `%{` and `}` as an expression; a function's argument is taken as it is. Nil: there is no such
    /// variable or function.
    static func variable(
        _ content: Bytes, flags: UInt32, in arena: Arena.Ref, _ registry: ExprRegistry?
    ) -> Expression.Ref? {
        let text = arena.copy(content)
        var parser = ExprParser(text, in: arena, registry, isRestricted: flags & APUS_EXPR_HTACCESS != 0)
        let word: ExprWord?
        if let colon = text.firstIndex(of: UInt8(ascii: ":")) {
            word = try? parser.function(text.upTo(colon), of: .constant(text.from(colon + 1)), 0)
        } else {
            word = try? parser.lookup(text, 0)
        }
        return word.map {
            Expression.Ref(arena.new(Expression(text: text, root: .word($0), varies: false, variables: parser.variables)))
        }
    }

    /// What a variable's name stands for.
    mutating func lookup(_ name: Bytes, _ start: Int) throws(ExprProblem) -> ExprWord {
        let key = name.string.asciiLowered
        if let addition = registry?.variable(key) {
            if addition.pointee.isRestricted { try refuseInHtaccess("%{\(name.string)}", start) }
            return .moduleVariable(addition, name)
        }
        if let field = ExprNames.headerVariables[key] { return .header(Bytes(field), varies: true) }
        if let variable = ExprNames.variables[key] {
            variables.insert(variable)
            return .variable(variable)
        }
        throw ExprProblem(message: "there is no variable \(name.string)", offset: start)
    }

    /// What a function's name and its argument stand for.
    func function(_ name: Bytes, of argument: ExprWord, _ start: Int) throws(ExprProblem) -> ExprWord {
        let key = name.string.asciiLowered
        if let varies = ExprNames.headerFunctions[key] {
            if case .constant(let field) = argument { return .header(field, varies: varies) }
            return .headerNamed(kept(argument), varies: varies)
        }
        if var function = ExprNames.functions[key] {
            if isRestricted {
                guard let harmless = function.restricted else {
                    try refuseInHtaccess("\(name.string)()", start)
                    return .constant(Bytes(""))
                }
                function = harmless
            }
            return .function(function, kept(argument))
        }
        guard let addition = registry?.functions[key] else {
            throw ExprProblem(message: "there is no function \(name.string)", offset: start)
        }
        if addition.pointee.isRestricted { try refuseInHtaccess("\(name.string)()", start) }
        return .moduleFunction(addition, kept(argument))
    }
}
