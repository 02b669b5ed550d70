import ModuleKit

/// One RewriteRule with its conditions, ready to be applied. Raw memory of the configuration.
struct Rule: BitwiseCopyable {
    /// The pattern as written, without its "!".
    var text: Bytes
    var pattern: Pattern
    /// What a subject must hold for the pattern to match: asked first, because it is cheaper.
    var literal: LiteralTest
    var flags: RuleFlags = []
    /// The substitution, and the flags with their brackets, as written.
    var output: Bytes
    var flagText: Bytes
    var substitution = Template()
    var conditions = PoolArray<Condition>()
    var environment = PoolArray<Template>()
    var cookies = PoolArray<Template>()
    var type = Template()
    var handler = Template()
    /// What to answer with: of R, F or G.
    var status: Int32 = 302
    /// Whether the values of flags may take time to find out.
    var flagsMayWait = false
    var skip: Int32 = 0
    var maxRounds: Int32 = Rule.defaultRounds
    /// B=: what to escape; none: all but letters, digits and "_".
    var escapes = Bytes.none
    /// BNE=: what not to escape.
    var exemptions = Bytes.none
    /// "file:line".
    var place: Bytes

    /// How often N may begin again, unless it says so itself.
    static let defaultRounds: Int32 = 10000

    init(_ words: RuleWords, _ source: RuleSource) throws {
        let isNegated = words.first.hasPrefix("!")
        let text = isNegated ? words.first.from(1) : words.first
        self.text = source.pool.copy(text)
        output = source.pool.copy(words.second)
        flagText = words.third.map { source.pool.copy($0) } ?? Bytes("[]")
        place = source.place
        var icase: UInt32 = 0
        // The flags decide how the pattern is compiled, so a look at NC comes first.
        if let field = words.third {
            try FlagField.each(field) { key, _ in if key.isOne("NC", "nocase") { icase = APUS_REGEX_ICASE } }
        }
        pattern = try Pattern(text, flags: icase, in: source.pool)
        literal = LiteralTest(of: self.text, ignoringCase: icase != 0, in: source.pool)
        if let field = words.third {
            try FlagField.each(field) { key, value in try take(flag: key, value, source) }
        }
        flagsMayWait = (environment.elements.map { $0 } + cookies.elements + [type, handler]).contains(where: \.mayWait)
        if isNegated { flags.insert(.negated) }
        if words.second == "-" { flags.insert(.noSubstitution) }
        if !flags.contains(.noSubstitution) { substitution = try Template(words.second, source) }
    }
}

/// Where a rule is read: what compiling its parts needs.
struct RuleSource {
    let command: Command
    let pool: Pool
    /// "file:line", as long as the configuration.
    let place: Bytes
    let isHtaccess: Bool

    init(_ command: Command) {
        self.command = command
        pool = command.pool
        place = command.pool.copy(command.place)
        isHtaccess = command.scopeKind == APUS_SCOPE_HTACCESS
    }
}
