import ModuleKit

let filterDirectives: [Directive] = [
    Directive("AddOutputFilterByType", .pairs, in: .any, override: .fileInfo, help: "filter[;filter …], then media types") {
        addByType($0, $1)
    },
    Directive("FilterChain", .each, in: .any, override: .options, help: "[+|-|@|=|!]filter …") { try setChain($0, $1[0]) },
    Directive("FilterDeclare", .words(1...2), in: .any, override: .options, help: "filter [type]") { try declare($0, $1) },
    Directive("FilterProvider", .three, in: .any, override: .options, help: "filter provider expression") {
        try addProvider($0, $1)
    },
    Directive("FilterProtocol", .words(2...3), in: .any, override: .options, help: "filter [provider] flags") {
        try setTraits($0, $1)
    },
    Directive("FilterTrace", .two, in: [.server, .directory, .location, .files], help: "filter level") { try setTrace($0, $1) },
]

/// The filter of that name in the scope at hand, made when it is not there.
private func change(_ command: Command, _ name: Bytes, _ body: (inout Declared) -> Void) {
    let conf = command.configuration(FilterConf.self)
    if !conf.pointee.declared.elements.contains(where: { $0.name.equalsIgnoringCase(name) }) {
        conf.pointee.declared.append(Declared(name: command.pool.copy(name)), in: command.pool)
    }
    for index in 0..<conf.pointee.declared.count
    where conf.pointee.declared[index].name.equalsIgnoringCase(name) {
        body(&conf.pointee.declared.elements[index])
    }
}

private func addStep(_ command: Command, _ step: ChainStep) {
    let conf = command.configuration(FilterConf.self)
    conf.pointee.steps.append(step, in: command.pool)
    // What holds where the scope is the outermost.
    conf.pointee.apply(step, in: command.pool)
}

/// Each list of filters is a smart filter of its own, which is those filters for the types.
private func addByType(_ command: Command, _ words: Arguments) {
    for filter in words[0].string.split(separator: ";") {
        let name = command.pool.copy("BYTYPE:\(filter)")
        let provider = Provider(
            name: command.pool.copy(String(filter)), condition: .type(command.pool.copy(words[1].withoutParameters)))
        change(command, name) { $0.providers.append(provider, in: command.pool) }
        addStep(command, ChainStep(kind: .append, name: name))
    }
}

private func setChain(_ command: Command, _ word: Bytes) throws {
    let kinds: [UInt8: ChainStep.Kind] = [
        UInt8(ascii: "+"): .append, UInt8(ascii: "@"): .prepend, UInt8(ascii: "-"): .remove, UInt8(ascii: "="): .replace,
        UInt8(ascii: "!"): .clear,
    ]
    guard !word.isEmpty else { throw DirectiveError("the name of a filter is missing") }
    let kind = kinds[word[0]]
    let name = kind == nil ? word : word.from(1)
    guard kind == .clear || !name.isEmpty else { throw DirectiveError("\"\(word.string)\" names no filter") }
    addStep(command, ChainStep(kind: kind ?? .append, name: command.pool.copy(name)))
}

private func declare(_ command: Command, _ words: Arguments) throws {
    if words.count == 2 {
        let types = ["resource", "content_set", "protocol", "transcode", "connection", "network"]
        guard types.contains(words[1].string.lowercased()) else {
            throw DirectiveError(
                "\"\(words[1].string)\" is none of RESOURCE, CONTENT_SET, PROTOCOL, TRANSCODE, CONNECTION and NETWORK")
        }
    }
    change(command, words[0]) { _ in }
}

private func addProvider(_ command: Command, _ words: Arguments) throws {
    let condition = try Expression.compile(words[2], kind: .condition, in: command)
    let provider = Provider(name: command.pool.copy(words[1]), condition: .expression(condition))
    change(command, words[0]) { $0.providers.append(provider, in: command.pool) }
}

private func setTraits(_ command: Command, _ words: Arguments) throws {
    let names: [String: FilterTraits] = [
        "change=yes": .changes, "change=1:1": .keepsLength, "change=no": [], "byteranges=no": .noRanges,
        "proxy=no": .notProxied, "proxy=transform": .transforms, "cache=no": .noCache,
    ]
    var traits: FilterTraits = []
    for word in words[words.count - 1].string.split(whereSeparator: { $0 == " " || $0 == "," || $0 == ";" }) {
        guard let trait = names[word.lowercased()] else {
            throw DirectiveError(
                "\"\(word)\" is none of change=yes, change=1:1, change=no, byteranges=no, proxy=no, proxy=transform "
                    + "and cache=no")
        }
        traits.formUnion(trait)
    }
    let provider = words.count == 3 ? words[1] : .none
    change(command, words[0]) { declared in
        guard provider.isSet else { return declared.traits = traits }
        for index in 0..<declared.providers.count where declared.providers[index].name.equalsIgnoringCase(provider) {
            declared.providers.elements[index].traits = traits
        }
    }
}

private func setTrace(_ command: Command, _ words: Arguments) throws {
    guard let level = words[1].decimal, 0...2 ~= level else {
        throw DirectiveError("\"\(words[1].string)\" is no level of 0, 1 or 2")
    }
    change(command, words[0]) { $0.trace = Int32(level) }
}

extension apus_str {
    /// A media type alone.
    var withoutParameters: Bytes { upTo(firstIndex(of: UInt8(ascii: ";")) ?? count).trimmed }
}
