import ModuleKit

/// The flags of a RewriteRule that say yes or no.
struct RuleFlags: OptionSet, BitwiseCopyable {
    let rawValue: UInt32

    static let negated = RuleFlags(rawValue: 1)
    static let noSubstitution = RuleFlags(rawValue: 1 << 1)
    static let ignoresCase = RuleFlags(rawValue: 1 << 2)
    static let last = RuleFlags(rawValue: 1 << 3)
    static let end = RuleFlags(rawValue: 1 << 4)
    static let next = RuleFlags(rawValue: 1 << 5)
    static let chain = RuleFlags(rawValue: 1 << 6)
    static let redirect = RuleFlags(rawValue: 1 << 7)
    static let status = RuleFlags(rawValue: 1 << 8)
    static let proxy = RuleFlags(rawValue: 1 << 9)
    static let passThrough = RuleFlags(rawValue: 1 << 10)
    static let noSubrequest = RuleFlags(rawValue: 1 << 11)
    static let noEscape = RuleFlags(rawValue: 1 << 12)
    static let queryAppend = RuleFlags(rawValue: 1 << 13)
    static let queryDiscard = RuleFlags(rawValue: 1 << 14)
    static let queryLast = RuleFlags(rawValue: 1 << 15)
    static let discardPathInfo = RuleFlags(rawValue: 1 << 16)
    static let escapeGroups = RuleFlags(rawValue: 1 << 17)
    static let escapeControls = RuleFlags(rawValue: 1 << 18)
    static let escapeNoPlus = RuleFlags(rawValue: 1 << 19)
    static let unsafeAllow3F = RuleFlags(rawValue: 1 << 20)
    static let unsafePrefixStat = RuleFlags(rawValue: 1 << 21)
    static let unc = RuleFlags(rawValue: 1 << 22)

    /// The flags without a value, by their short and long names.
    static let plain: [(short: StaticString, long: StaticString, flags: RuleFlags)] = [
        ("BCTLS", "BCTLS", [.escapeGroups, .escapeControls]),
        ("BNP", "backrefernoplus", .escapeNoPlus),
        ("BNP", "backrefnoplus", .escapeNoPlus),
        ("C", "chain", .chain),
        ("DPI", "discardpath", .discardPathInfo),
        ("END", "END", .end),
        ("L", "last", .last),
        ("NC", "nocase", .ignoresCase),
        ("NE", "noescape", .noEscape),
        ("NS", "nosubreq", .noSubrequest),
        ("P", "proxy", .proxy),
        ("PT", "passthrough", .passThrough),
        ("QSA", "qsappend", .queryAppend),
        ("QSD", "qsdiscard", .queryDiscard),
        ("QSL", "qslast", .queryLast),
        ("UnsafeAllow3F", "UnsafeAllow3F", .unsafeAllow3F),
        ("UnsafePrefixStat", "UnsafePrefixStat", .unsafePrefixStat),
        ("UNC", "UNC", .unc),
    ]
}

extension Rule {
    /// Takes over one flag of the third argument.
    mutating func take(flag key: Bytes, _ value: Bytes, _ source: RuleSource) throws {
        if key.isOne("B", "backrefescaping") {
            flags.insert(.escapeGroups)
            if !value.isEmpty { escapes = source.pool.copy(value) }
        } else if key.isOne("BNE", "BNE") {
            guard !value.isEmpty else {
                throw DirectiveError("the flag BNE takes the characters not to escape, as in [B,BNE=/]")
            }
            exemptions = source.pool.copy(value)
        } else if key.isOne("CO", "cookie") {
            cookies.append(try Template(value, source), in: source.pool)
        } else if key.isOne("E", "env") {
            environment.append(try Template(value, source), in: source.pool)
        } else if key.isOne("F", "forbidden") {
            answer(with: 403)
        } else if key.isOne("G", "gone") {
            answer(with: 410)
        } else if key.isOne("H", "handler") {
            handler = try Template(value, source)
        } else if key.isOne("T", "type") {
            type = try Template(value, source)
        } else if key.isOne("N", "next") {
            flags.insert(.next)
            if !value.isEmpty { maxRounds = try Self.count(value, of: "N", at: 1) }
        } else if key.isOne("S", "skip") {
            skip = try Self.count(value, of: "S", at: 0)
        } else if key.isOne("R", "redirect") {
            try takeRedirect(value)
        } else if let plain = RuleFlags.plain.first(where: { key.isOne($0.short, $0.long) }) {
            flags.formUnion(plain.flags)
        } else {
            throw DirectiveError("unknown flag '\(key.string)'")
        }
    }

    private mutating func answer(with code: Int32) {
        flags.formUnion([.status, .noSubstitution])
        status = code
    }

    private mutating func takeRedirect(_ value: Bytes) throws {
        flags.insert(.redirect)
        if value.isEmpty { return }
        if value.equalsIgnoringCase("permanent") {
            status = 301
        } else if value.equalsIgnoringCase("temp") {
            status = 302
        } else if value.equalsIgnoringCase("seeother") {
            status = 303
        } else {
            guard let code = value.decimal, RedirectStatus.isKnown(code) else {
                throw DirectiveError(
                    "invalid HTTP response code '\(value.string)' for flag 'R': a number such as 301 or 403, or one of"
                        + " permanent, temp and seeother")
            }
            status = Int32(code)
            if !(300...399 ~= code) { flags.formUnion([.status, .noSubstitution]) }
        }
    }

    private static func count(_ value: Bytes, of flag: StaticString, at least: Int64) throws -> Int32 {
        guard let number = value.decimal, number >= least, number <= Int64(Int32.max) else {
            throw DirectiveError("the flag \(flag) takes a number of at least \(least), not \"\(value.string)\"")
        }
        return Int32(number)
    }
}

/// The codes that R= may name: those that httpd has a status line for.
enum RedirectStatus {
    static func isKnown(_ code: Int64) -> Bool {
        switch code {
        case 100...103, 200...208, 226, 300...305, 307, 308, 400...417, 421...424, 426, 428, 429, 431, 451, 500...508,
            510, 511:
            true
        default: false
        }
    }
}

extension Bytes {
    /// Whether it is one of two names, in any case.
    func isOne(_ short: StaticString, _ long: StaticString) -> Bool {
        equalsIgnoringCase(short) || equalsIgnoringCase(long)
    }
}
