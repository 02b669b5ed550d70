import ModuleKit

/// The two or three words of a RewriteCond or RewriteRule.
///
/// They are read from the line as it stands: a backslash belongs to the pattern. A word ends at white space unless it
/// is quoted, or a backslash stands before the space.
struct RuleWords {
    let first: Bytes
    let second: Bytes
    /// The flags with their brackets; nil: there are none.
    let third: Bytes?

    init?(_ line: Bytes) {
        var rest = line.trimmed
        guard let first = RuleWords.next(&rest), !rest.isEmpty, let second = RuleWords.next(&rest) else { return nil }
        self.first = first
        self.second = second
        third = RuleWords.next(&rest)
    }

    private static func next(_ rest: inout Bytes) -> Bytes? {
        rest = rest.skippingSpace
        guard !rest.isEmpty else { return nil }
        let quote = rest[0] == doubleQuote || rest[0] == singleQuote ? rest[0] : nil
        if quote != nil { rest = rest.from(1) }
        var end = 0
        while end < rest.count {
            if quote.map({ rest[end] == $0 }) ?? rest[end].isSpace { break }
            if rest[end] == backslash, end + 1 < rest.count, rest[end + 1].isSpace { end += 1 }
            end += 1
        }
        let word = rest.upTo(min(end, rest.count))
        rest = rest.from(min(end + 1, rest.count)).skippingSpace
        return word
    }

    private static let doubleQuote = UInt8(ascii: "\"")
    private static let singleQuote = UInt8(ascii: "'")
    private static let backslash = UInt8(ascii: "\\")
}

/// The third argument, "[key,key=value,…]".
enum FlagField {
    static func each(_ field: Bytes, _ body: (_ key: Bytes, _ value: Bytes) throws -> Void) throws {
        guard field.count >= 2, field[0] == UInt8(ascii: "["), field[field.count - 1] == UInt8(ascii: "]") else {
            throw DirectiveError("bad flag delimiters: flags stand in brackets without spaces, as in [L,QSA]")
        }
        var rest = field[1..<field.count - 1]
        if rest.isEmpty { throw DirectiveError("unknown flag '': the brackets are empty") }
        while !rest.isEmpty {
            let end = rest.firstIndex(of: UInt8(ascii: ",")) ?? rest.count
            let flag = rest.upTo(end).trimmed
            rest = rest.from(min(end + 1, rest.count))
            guard !flag.isEmpty else { continue }
            let equals = flag.firstIndex(of: UInt8(ascii: "=")) ?? flag.count
            try body(flag.upTo(equals), flag.from(min(equals + 1, flag.count)))
        }
    }
}

extension Bytes {
    var skippingSpace: Bytes {
        var start = 0
        while start < count, self[start].isSpace { start += 1 }
        return from(start)
    }
}

extension UInt8 {
    /// White space as C's isspace knows it.
    var isSpace: Bool { self == 0x20 || self &- 0x09 < 5 }
}
