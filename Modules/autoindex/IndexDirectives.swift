import ModuleKit

/// What the data of a rule's row is: which list it belongs to.
private typealias RuleList = WritableKeyPath<IndexConf, PoolArray<Rule>>

let indexDirectives: [Directive] = [
    rules("AddIcon", .name, "icon or (text,icon), then names") { addIcon($0, $1, $2) },
    rules("AddIconByType", .type, "icon or (text,icon), then media types") { addIcon($0, $1, $2) },
    rules("AddIconByEncoding", .encoding, "icon or (text,icon), then content codings") { addIcon($0, $1, $2) },
    rules("AddAlt", .name, "text, then names") { add($0, \.alts, $1, $0.pool.copy($2[0]), $2[1]) },
    rules("AddAltByType", .type, "text, then media types") { add($0, \.alts, $1, $0.pool.copy($2[0]), $2[1]) },
    rules("AddAltByEncoding", .encoding, "text, then content codings") {
        add($0, \.alts, $1, $0.pool.copy($2[0]), $2[1])
    },
    rules("AddDescription", .part, "text, then names") { addDescription($0, $2) },
    Directive("IndexIgnore", .each, in: .any, override: .indexes, help: "names that are not listed") {
        add($0, \.ignored, .name, .none, $1[0], isExact: true)
    },
    Directive("IndexIgnoreReset", .flag, in: .any, override: .indexes, help: "On or Off") {
        $0.configuration(IndexConf.self).pointee.ignoresAfresh = try Bool(word: $1[0])
    },
    Directive("IndexOptions", .many(1), in: .any, override: .indexes, help: "[+|-]option …") {
        try setOptions($0, $1)
    },
    Directive(
        "IndexOrderDefault", .two, in: .any, override: .indexes,
        help: "Ascending or Descending, then Name, Date, Size or Description"
    ) { try setOrder($0, $1) },
    text("DefaultIcon", \.defaultIcon, "URL of the icon of files that no other icon is for"),
    text("HeaderName", \.header, "file shown before the list"),
    text("ReadmeName", \.readme, "file shown after the list"),
    text("IndexHeadInsert", \.headInsert, "markup for the head of the page"),
    text("IndexStyleSheet", \.styleSheet, "URL of a style sheet"),
]

private func text(_ name: String, _ path: WritableKeyPath<IndexConf, Bytes>, _ help: String) -> Directive {
    Directive(name, .one, in: .any, override: .indexes, help: help) {
        $0.configuration(IndexConf.self).pointee[keyPath: path] = $0.pool.copy($1[0])
    }
}

private func rules(
    _ name: String, _ kind: Rule.Kind, _ help: String,
    _ handle: @escaping (Command, Rule.Kind, Arguments) throws -> Void
) -> Directive {
    Directive(name, .pairs, in: .any, override: .indexes, help: help) { try handle($0, kind, $1) }
}

/// Adds a rule for the scope at hand. Names that hold no wildcard fit at the end of a path.
private func add(
    _ command: Command, _ list: RuleList, _ kind: Rule.Kind, _ value: Bytes, _ pattern: Bytes, isExact: Bool = false
) {
    let pool = command.pool
    let isLoose = kind == .name && !isExact && !pattern.hasWildcards
    let rule = Rule(
        kind: kind, pattern: isLoose ? pool.join("*", pattern) : pool.copy(pattern),
        directory: directory(of: command), value: value)
    command.configuration(IndexConf.self).pointee[keyPath: list].append(rule, in: pool)
}

/// The pattern of file names that a section for a directory holds for; everything elsewhere.
private func directory(of command: Command) -> Bytes {
    let path = command.scopePath
    guard command.scopeKind == APUS_SCOPE_DIRECTORY, path.hasPrefix("/") else { return Bytes("*") }
    return command.pool.join(path, Bytes("*"))
}

/// `(text,URL)` brings a text with the icon.
private func addIcon(_ command: Command, _ kind: Rule.Kind, _ words: Arguments) {
    var icon = words[0]
    let name = words[1] == "**DIRECTORY**" ? Bytes("^^DIRECTORY^^") : words[1]
    if icon.hasPrefix("("), icon.hasSuffix(Bytes(")")), let comma = icon.firstIndex(of: UInt8(ascii: ",")) {
        add(command, \.alts, kind, command.pool.copy(icon[1..<comma]), name)
        icon = icon[(comma + 1)..<(icon.count - 1)]
    }
    add(command, \.icons, kind, command.pool.copy(icon), name)
}

/// A description holds for names that the word is part of; one with a slash is compared with whole paths.
private func addDescription(_ command: Command, _ words: Arguments) {
    let pool = command.pool
    let isPath = words[1].contains(UInt8(ascii: "/"))
    let pattern = pool.compose(capacity: words[1].count + 3) {
        $0.append(isPath ? "*/" : "*")
        $0.append(words[1])
        $0.append("*")
    }
    let rule = Rule(
        kind: .part, pattern: pool.copy(pattern), directory: isPath ? Bytes("/") : .none,
        value: pool.copy(words[0]))
    command.configuration(IndexConf.self).pointee.descriptions.append(rule, in: pool)
}

private func setOrder(_ command: Command, _ words: Arguments) throws {
    var sorting = Sorting()
    if words[0].equalsIgnoringCase("descending") {
        sorting.isAscending = false
    } else if !words[0].equalsIgnoringCase("ascending") {
        throw DirectiveError("\"\(words[0].string)\" is neither Ascending nor Descending")
    }
    switch words[1].string.lowercased() {
    case "name": sorting.key = .name
    case "date": sorting.key = .modified
    case "size": sorting.key = .size
    case "description": sorting.key = .description
    default: throw DirectiveError("\"\(words[1].string)\" is none of Name, Date, Size and Description")
    }
    command.configuration(IndexConf.self).pointee.sorting = sorting
}
