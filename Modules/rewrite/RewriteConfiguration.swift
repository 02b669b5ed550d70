import ModuleKit

/// A setting that may be left to the outer scope.
enum Choice: UInt8, BitwiseCopyable {
    case unset, off, on
}

/// What RewriteOptions says.
struct RewriteOptions: OptionSet, BitwiseCopyable {
    let rawValue: UInt16

    static let inherit = RewriteOptions(rawValue: 1)
    static let inheritBefore = RewriteOptions(rawValue: 2)
    static let inheritDown = RewriteOptions(rawValue: 4)
    static let inheritDownBefore = RewriteOptions(rawValue: 8)
    static let ignoreInherit = RewriteOptions(rawValue: 16)
    static let allowNoSlash = RewriteOptions(rawValue: 32)
    static let allowAnyURI = RewriteOptions(rawValue: 64)
    static let mergeBase = RewriteOptions(rawValue: 128)
    static let ignoreContextInfo = RewriteOptions(rawValue: 256)
    static let legacyPrefixDocRoot = RewriteOptions(rawValue: 512)
}

/// What servers and sections have in common: the rules of one scope.
struct RuleSet: BitwiseCopyable {
    var engine = Choice.unset
    var options: RewriteOptions = []
    var setsOptions = false
    var rules = PoolArray<Rule>()
    /// The conditions that wait for their rule.
    var conditions = PoolArray<Condition>()

    func merged(over base: RuleSet, in pool: Pool) -> RuleSet {
        var merged = self
        if engine == .unset { merged.engine = base.engine }
        if !setsOptions { (merged.options, merged.setsOptions) = (base.options, base.setsOptions) }
        merged.conditions = PoolArray()
        switch merged.inheritance(from: base) {
        case .behind: merged.rules = rules.joined(with: base.rules, in: pool)
        case .before: merged.rules = base.rules.joined(with: rules, in: pool)
        case .none: break
        }
        return merged
    }

    enum Inheritance {
        case none, behind, before
    }

    /// How the rules of the outer scope come to those of this one, whose options are merged.
    func inheritance(from base: RuleSet) -> Inheritance {
        let mayComeDown = !options.contains(.ignoreInherit)
        if options.contains(.inherit) || base.options.contains(.inheritDown) && mayComeDown { return .behind }
        if options.contains(.inheritBefore) || base.options.contains(.inheritDownBefore) && mayComeDown {
            return .before
        }
        return .none
    }
}

/// What stands outside all sections.
struct RewriteServerConf: Configuration {
    var set = RuleSet()
    var maps = PoolArray<MapEntry>()

    func merged(
        over base: RewriteServerConf, settings: [(inout RewriteServerConf) -> Void], in pool: Pool
    ) -> RewriteServerConf {
        var merged = RewriteServerConf()
        merged.set = set.merged(over: base.set, in: pool)
        // A map of the same name further in hides the outer one: look-ups take the first.
        let inherits = merged.set.inheritance(from: base.set) != .none
        merged.maps = inherits ? maps.joined(with: base.maps, in: pool) : maps
        return merged
    }
}

/// What stands in sections and .htaccess files; a server has one too, which holds what they inherit of it.
struct RewriteDirConf: Configuration {
    var set = RuleSet()
    /// The section's directory with its slash at the end; none: a server.
    var directory = Bytes.none
    /// RewriteBase.
    var base = Bytes.none

    func merged(
        over base: RewriteDirConf, settings: [(inout RewriteDirConf) -> Void], in pool: Pool
    ) -> RewriteDirConf {
        var merged = self
        merged.set = set.merged(over: base.set, in: pool)
        if merged.set.options.contains(.mergeBase), !self.base.isSet { merged.base = base.base }
        return merged
    }
}
