import ModuleKit

let rewriteDirectives: [Directive] = [
    Directive("RewriteEngine", .flag, in: .any, override: .fileInfo, help: "On or Off") {
        let engine = try Bool(word: $1[0]) ? Choice.on : .off
        try $0.changeRuleSets { $0.pointee.engine = engine }
    },
    Directive("RewriteOptions", .many(1), in: .any, override: .fileInfo, help: "a list of options") {
        let options = try readOptions($0, $1)
        try $0.changeRuleSets {
            $0.pointee.options.formUnion(options)
            $0.pointee.setsOptions = true
        }
    },
    Directive(
        "RewriteBase", .one, in: [.server, .directory, .location, .files, .htaccess], override: .fileInfo,
        help: "the URL-path of the directory", setBase),
    Directive(
        "RewriteCond", .raw, in: .any, override: .fileInfo, help: "TestString CondPattern [flags]", addCondition),
    Directive(
        "RewriteRule", .raw, in: .any, override: .fileInfo, help: "Pattern Substitution [flags]", addRule),
    Directive(
        "RewriteMap", .words(2...3), in: .server, help: "a name, TYPE:SOURCE and user:group for prg", addMap),
]

extension Command {
    /// Whether the directive stands outside all sections.
    var isInServer: Bool { scopeKind == APUS_SCOPE_SERVER || scopeKind == APUS_SCOPE_VHOST }

    /// The rules of the scope at hand.
    fileprivate func ruleSet() -> UnsafeMutablePointer<RuleSet> {
        if isInServer { return member(of: serverConfiguration(RewriteServerConf.self), \.set) }
        return member(of: sectionConfiguration(), \.set)
    }

    /// What is said of a server also holds for its directories, until they say otherwise.
    fileprivate func changeRuleSets(_ change: (UnsafeMutablePointer<RuleSet>) -> Void) throws {
        change(ruleSet())
        if isInServer { change(member(of: configuration(RewriteDirConf.self), \.set)) }
    }

    /// The configuration of the section at hand, which knows its directory.
    fileprivate func sectionConfiguration() -> UnsafeMutablePointer<RewriteDirConf> {
        let conf = configuration(RewriteDirConf.self)
        if !conf.pointee.directory.isSet {
            let path = scopePath
            conf.pointee.directory = path.hasSuffix("/") ? pool.copy(path) : pool.join(path, Bytes("/"))
        }
        return conf
    }

    private func member<Whole, Part>(
        of whole: UnsafeMutablePointer<Whole>, _ path: WritableKeyPath<Whole, Part>
    ) -> UnsafeMutablePointer<Part> {
        // The configurations are frozen raw memory, so a part of one has an address of its own.
        withUnsafeMutablePointer(to: &whole.pointee[keyPath: path]) { $0 }
    }
}

private func setBase(_ command: Command, _ words: Arguments) throws {
    guard !command.isInServer else {
        throw DirectiveError("RewriteBase: only valid in per-directory config files: <Directory> and .htaccess")
    }
    guard !words[0].isEmpty else { throw DirectiveError("RewriteBase: empty URL not allowed") }
    guard words[0].hasPrefix("/") else {
        throw DirectiveError("RewriteBase: argument is not a valid URL: it must begin with a slash, as in /app/")
    }
    command.sectionConfiguration().pointee.base = command.pool.copy(words[0])
}

private func addCondition(_ command: Command, _ words: Arguments) throws {
    let line = words.count > 0 ? words[0] : .none
    guard let parts = RuleWords(line) else {
        throw DirectiveError(
            "RewriteCond: bad argument line '\(line.string)': a test string and a pattern are expected")
    }
    let condition = try Condition(parts, RuleSource(command))
    RuleWarnings.look(at: condition, command)
    command.ruleSet().pointee.conditions.append(condition, in: command.pool)
}

private func addRule(_ command: Command, _ words: Arguments) throws {
    let line = words.count > 0 ? words[0] : .none
    guard let parts = RuleWords(line) else {
        throw DirectiveError(
            "RewriteRule: bad argument line '\(line.string)': a pattern and a substitution are expected")
    }
    let set = command.ruleSet()
    var rule = try Rule(parts, RuleSource(command))
    rule.conditions = set.pointee.conditions
    RuleWarnings.look(at: rule, after: set.pointee.rules, command)
    set.pointee.conditions = PoolArray()
    set.pointee.rules.append(rule, in: command.pool)
}

private func addMap(_ command: Command, _ words: Arguments) throws {
    let map = try MapEntry(words[0], words[1], identity: words.count > 2 ? words[2] : .none, command)
    let conf = command.serverConfiguration(RewriteServerConf.self)
    for index in 0..<conf.pointee.maps.count where conf.pointee.maps[index].name == map.name {
        conf.pointee.maps.elements[index] = map
        return
    }
    conf.pointee.maps.append(map, in: command.pool)
}

private let optionNames: [(name: StaticString, option: RewriteOptions)] = [
    ("inherit", .inherit), ("inheritbefore", .inheritBefore), ("inheritdown", .inheritDown),
    ("inheritdownbefore", .inheritDownBefore), ("ignoreinherit", .ignoreInherit), ("allownoslash", .allowNoSlash),
    ("allowanyuri", .allowAnyURI), ("mergebase", .mergeBase), ("ignorecontextinfo", .ignoreContextInfo),
    ("legacyprefixdocroot", .legacyPrefixDocRoot),
]

private func readOptions(_ command: Command, _ words: Arguments) throws -> RewriteOptions {
    var options: RewriteOptions = []
    for index in 0..<words.count {
        if let known = optionNames.first(where: { words[index].equalsIgnoringCase($0.name) }) {
            options.insert(known.option)
        } else if words[index].hasPrefixIgnoringCase("MaxRedirects=") {
            command.warn(
                "AH00664: RewriteOptions: MaxRedirects option has been removed in favor of the global"
                    + " LimitInternalRecursion directive and will be ignored.")
        } else {
            let names = optionNames.map { "\($0.name)" }.joined(separator: ", ")
            throw DirectiveError("RewriteOptions: unknown option '\(words.string(index))': there are \(names)")
        }
    }
    return options
}
