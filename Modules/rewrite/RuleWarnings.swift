import ModuleKit

/// What is legal, but can hardly be meant.
enum RuleWarnings {
    static func look(at rule: Rule, after earlier: PoolArray<Rule>, _ command: Command) {
        if !rule.flags.contains(.negated) {
            lookAtSlash(rule, command)
            lookForQuery(rule, command)
        }
        lookForShadow(rule, earlier, command)
        lookForLoop(rule, command)
    }

    static func look(at condition: Condition, _ command: Command) {
        guard condition.inputText == "%{REQUEST_URI}", !condition.flags.contains(.negated), condition.text.count > 1,
            condition.text[0] == UInt8(ascii: "^"), condition.text[1].isLetterOrDigit, LiteralScan.scan(condition.text) != nil
        else { return }
        command.warn(
            "the condition never holds: REQUEST_URI begins with a slash, also in a directory; write"
                + " ^/\(condition.text.from(1).string)")
    }

    /// Paths begin with a slash in a server, and without one in a directory.
    private static func lookAtSlash(_ rule: Rule, _ command: Command) {
        let text = rule.text
        guard text.count > 1, text[0] == UInt8(ascii: "^") else { return }
        if command.isInServer {
            // An earlier rule may have made a URL of it.
            guard text[1].isLetterOrDigit, !text.from(1).mayBeURL, LiteralScan.scan(text) != nil else { return }
            command.warn(
                "the pattern \"\(text.string)\" never matches: paths begin with a slash outside <Directory> and .htaccess;"
                    + " write ^/\(text.from(1).string)")
        } else if command.scopeKind == APUS_SCOPE_DIRECTORY || command.scopeKind == APUS_SCOPE_HTACCESS, text[1] == UInt8(ascii: "/"), LiteralScan.scan(text) != nil {
            command.warn(
                "the pattern \"\(text.string)\" never matches: what is matched in a directory begins without a slash; write"
                    + " ^\(text.from(2).string)")
        }
    }

    /// A rule that matches whatever this one does, and after which no other is looked at.
    private static func lookForShadow(_ rule: Rule, _ earlier: PoolArray<Rule>, _ command: Command) {
        let ends: RuleFlags = [.last, .end, .proxy, .passThrough, .status]
        for other in earlier.elements {
            guard other.conditions.isEmpty, !other.flags.isDisjoint(with: ends),
                other.flags.isDisjoint(with: [.negated, .noSubrequest, .chain, .redirect])
            else { continue }
            let isSame = other.text == rule.text && rule.flags.contains(.negated) == other.flags.contains(.negated)
                && rule.flags.contains(.ignoresCase) == other.flags.contains(.ignoresCase)
            guard isSame || matchesAll(other.text) else { continue }
            // Rules may be jumped over, or belong to a chain: then it takes more than this to tell.
            guard !earlier.elements.contains(where: { $0.skip > 0 || $0.flags.contains(.chain) }) else { return }
            command.warn("this rule is never reached: that of \(other.place.string) matches before it, and ends the rules")
            return
        }
    }

    /// What is matched has no query.
    private static func lookForQuery(_ rule: Rule, _ command: Command) {
        let mark = Bytes("\\?")
        guard let at = (0..<max(0, rule.text.count - 1)).first(where: { rule.text[$0..<$0 + 2] == mark }),
            rule.text.from(at).contains(UInt8(ascii: "=")), LiteralScan.scan(rule.text) != nil
        else { return }
        command.warn(
            "the pattern \"\(rule.text.string)\" can hardly match: the query is no part of what is matched; write RewriteCond"
                + " %{QUERY_STRING} \(rule.text.from(at + 2).string)")
    }

    /// A rule that applies again to what it has made, and makes something longer each time.
    private static func lookForLoop(_ rule: Rule, _ command: Command) {
        guard rule.conditions.isEmpty, rule.flags.isDisjoint(with: [.noSubstitution, .negated]),
            rule.output.schemeLength == nil, growsWithoutEnd(rule, command.pool)
        else { return }
        if rule.flags.contains(.next) {
            command.warn(
                "the flag N begins again with what the rule has made, to which it applies, until it has done so"
                    + " \(rule.maxRounds) times: give it a condition")
        } else if !command.isInServer, !rule.output.hasPrefix("/"),
            rule.flags.isDisjoint(with: [.end, .redirect, .status, .proxy])
        {
            command.warn(
                "this rule applies to what it makes, until there have been too many internal redirects: give it a condition,"
                    + " or the flag END")
        }
    }

    /// Tries the rule on what it makes of an example, and on what it makes of that.
    private static func growsWithoutEnd(_ rule: Rule, _ pool: Pool) -> Bool {
        let groups = Groups(in: pool)
        func made(_ group: (UInt8) -> Bytes) -> Bytes? {
            var text = Bytes("")
            for piece in rule.substitution.pieces.elements {
                switch piece {
                case .text(let plain): text = pool.join(text, plain)
                case .ruleGroup(let number): text = pool.join(text, group(number))
                default: return nil
                }
            }
            return text.upTo(text.firstIndex(of: UInt8(ascii: "?")) ?? text.count)
        }
        guard var text = made({ _ in Bytes("x") }) else { return false }
        for _ in 0..<2 {
            guard case .match = rule.pattern.outcome(text, spans: groups.buffer) else { return false }
            var found = groups
            found.source = text
            guard let next = made({ found[$0] }), next.count > text.count else { return false }
            text = next
        }
        return true
    }

    private static func matchesAll(_ pattern: Bytes) -> Bool {
        ["", "^", ".*", "(.*)", "^.*", "^(.*)", ".*$", "^.*$", "^(.*)$", ".?"].contains(pattern.string)
    }
}

extension Bytes {
    /// Whether it may be the beginning of a URL.
    fileprivate var mayBeURL: Bool {
        hasPrefixIgnoringCase("http") || hasPrefixIgnoringCase("ftp") || hasPrefixIgnoringCase("ws")
    }
}
