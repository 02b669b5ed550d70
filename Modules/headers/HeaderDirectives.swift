import ModuleKit

let headerDirectives: [Directive] = [
    Directive(
        "Header", .words(2...6), in: .any, override: .fileInfo,
        help: "[always|onsuccess] action field [[expr=]value [replacement]] [early|env=[!]variable|expr=condition]"
    ) { command, words in
        var list = (0..<words.count).map { words[$0] }
        var table = \HeadersConf.onSuccess
        if list[0].equalsIgnoringCase("always") { table = \.always }
        if list[0].equalsIgnoringCase("always") || list[0].equalsIgnoringCase("onsuccess") { list.removeFirst() }
        try add(command, list, to: table, isRequest: false)
    },
    Directive(
        "RequestHeader", .words(2...5), in: .any, override: .fileInfo,
        help: "action field [[expr=]value [replacement]] [early|env=[!]variable|expr=condition]"
    ) { command, words in
        try add(command, (0..<words.count).map { words[$0] }, to: \.request, isRequest: true)
    },
]

private func add(
    _ command: Command, _ words: [Bytes], to table: WritableKeyPath<HeadersConf, PoolArray<FieldChange>>, isRequest: Bool
) throws {
    let change = try FieldChange(words, command, isRequest: isRequest)
    let conf = command.configuration(HeadersConf.self)
    conf.pointee[keyPath: table].append(change, in: command.pool)
    guard change.isEarly else { return }
    conf.pointee.hasEarly = true
    if command.scopeKind != APUS_SCOPE_SERVER, command.scopeKind != APUS_SCOPE_VHOST {
        command.warn("\"early\" has no effect in a section: which sections hold is known only later")
    }
}

extension FieldChange {
    /// Reads ACTION FIELD [VALUE [REPLACEMENT]] [CONDITION].
    fileprivate init(_ words: [Bytes], _ command: Command, isRequest: Bool) throws {
        guard words.count >= 2 else { throw DirectiveError("it needs an action and the name of a field") }
        let field = words[1].firstIndex(of: UInt8(ascii: ":")).map { words[1].upTo($0) } ?? words[1]
        guard !field.isEmpty else { throw DirectiveError("the name of the field is empty") }
        var rest = words.dropFirst(2)
        let actionName = words[0].string.lowercased()
        func take(_ what: String) throws -> Bytes {
            guard let word = rest.popFirst() else { throw DirectiveError("\(actionName) lacks \(what)") }
            return word
        }
        switch actionName {
        case "add": action = .add
        case "append": action = .append
        case "merge": action = .merge
        case "set": action = .set
        case "setifempty": action = .setIfEmpty
        case "unset": action = .unset
        case "note" where !isRequest: action = .note
        case "echo" where !isRequest: action = .echo(try Pattern(words[1], in: command.pool))
        case "edit", "edit*":
            let pattern = try Pattern(take("the regular expression to look for"), in: command.pool)
            action = .edit(pattern, everywhere: actionName == "edit*")
        default:
            throw DirectiveError(
                "\"\(words[0].string)\" is no action; actions are add, append, edit, edit*, merge, set, setifempty, unset"
                    + (isRequest ? "" : ", echo and note"))
        }
        switch action {
        case .unset, .echo: value = Value()
        case .edit: value = try Value(take("the replacement"), command)
        default: value = try Value(take("the value"), command)
        }
        self.field = command.pool.copy(field)
        if let word = rest.popFirst() { condition = try Condition(word, command) }
        if let odd = rest.first { throw DirectiveError("\"\(odd.string)\" is one argument too many for \(actionName)") }
    }
}

extension Condition {
    fileprivate init(_ word: Bytes, _ command: Command) throws {
        if word.equalsIgnoringCase("early") {
            self = .early
        } else if word.hasPrefixIgnoringCase("env=") {
            let isNegated = word.from(4).hasPrefix("!")
            let name = word.from(isNegated ? 5 : 4)
            guard !name.isEmpty else { throw DirectiveError("env= names no variable; write env=NAME or env=!NAME") }
            self = .environment(command.pool.copy(name), isNegated: isNegated)
        } else if word.hasPrefixIgnoringCase("expr=") {
            self = .expression(try Expression.compile(word.from(5), kind: .condition, in: command))
        } else {
            throw DirectiveError(
                "\"\(word.string)\" is no condition; write early, env=NAME, env=!NAME or \"expr=CONDITION\". A value with spaces "
                    + "in it stands in quotation marks")
        }
    }
}
