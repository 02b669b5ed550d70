import ModuleKit

/// What is legal, but can hardly be meant.
enum RuleWarnings {
    static func look(at rule: Rule, after earlier: PoolArray<Rule>, _ command: Command) {
        if !rule.flags.contains(.negated) { lookAtSlash(rule, command) }
        lookForShadow(rule, earlier, command)
        lookForLoop(rule, command)
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
        } else if command.scopeKind == APUS_SCOPE_DIRECTORY, text[1] == UInt8(ascii: "/"), LiteralScan.scan(text) != nil {
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

    /// A rule that applies again to whatever it has made.
    private static func lookForLoop(_ rule: Rule, _ command: Command) {
        guard rule.conditions.isEmpty, !rule.flags.contains(.noSubstitution), matchesAll(rule.text) else { return }
        let grows = rule.substitution.pieces.count > 1 && rule.substitution.pieces.elements.contains {
            if case .ruleGroup = $0 { return true }
            return false
        }
        if rule.flags.contains(.next), grows {
            command.warn("the flag N begins again for every path, until it has done so \(rule.maxRounds) times: give it a condition")
        } else if grows, !command.isInServer, !rule.output.contains(UInt8(ascii: "?")), !rule.output.hasPrefix("/"),
            rule.output.schemeLength == nil, rule.flags.isDisjoint(with: [.end, .redirect, .status, .proxy])
        {
            command.warn(
                "this rule applies to what it makes, until there have been too many internal redirects: give it a condition,"
                    + " or the flag END")
        }
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
