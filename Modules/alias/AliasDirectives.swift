import ModuleKit

let aliasDirectives: [Directive] = [
    Directive("Alias", .words(1...2), in: [.server, .location], help: "a URL-path and what it stands for") {
        try addAlias($0, $1, handler: .none)
    },
    Directive(
        "ScriptAlias", .words(1...2), in: [.server, .location], help: "a URL-path and what it stands for"
    ) {
        try addAlias($0, $1, handler: cgi)
    },
    Directive("AliasMatch", .two, in: .server, help: "a regular expression and what it stands for") {
        try addMatch($0, $1, handler: .none)
    },
    Directive("ScriptAliasMatch", .two, in: .server, help: "a regular expression and what it stands for") {
        try addMatch($0, $1, handler: cgi)
    },
    Directive("AliasPreservePath", .flag, in: .any, override: .fileInfo, help: "On or Off") {
        $0.configuration(AliasDirConf.self).pointee.preservesPath = try Bool(word: $1[0]) ? .on : .off
    },
]

private var cgi: Bytes { Bytes("cgi-script") }

private func addAlias(_ command: Command, _ words: Arguments, handler: Bytes) throws {
    let isLocation = command.scopeKind == APUS_SCOPE_LOCATION
    let name = command.name.string
    guard words.count == (isLocation ? 1 : 2) else {
        throw DirectiveError(
            isLocation
                ? "\(name) in a section takes one argument; the URL-path is the section's"
                : "\(name) outside <Location> takes a URL-path and what it stands for")
    }
    var entry = AliasEntry(handler: handler)
    let target = words[words.count - 1]
    if isLocation, target.needsRequest {
        entry.expression = try Expression.compile(target, kind: .string, in: command)
    } else {
        entry.target = command.resolveKeepingSlash(target)
    }
    if isLocation {
        entry.path = command.pool.copy(command.scopePath)
        let conf = command.configuration(AliasDirConf.self)
        conf.pointee.hasOwnAlias = true
        conf.pointee.ownAlias = entry
    } else {
        entry.path = command.pool.copy(words[0])
        let conf = command.serverConfiguration(AliasServerConf.self)
        warnIfHidden(command, entry.path, among: conf.pointee.aliases)
        conf.pointee.aliases.append(entry, in: command.pool)
    }
}

private func addMatch(_ command: Command, _ words: Arguments, handler: Bytes) throws {
    var entry = AliasEntry(handler: handler)
    entry.pattern = try Pattern(words[0], in: command.pool)
    entry.template = Template(words[1], isURL: false, in: command.pool)
    command.serverConfiguration(AliasServerConf.self).pointee.aliases.append(entry, in: command.pool)
}

/// The first alias that matches counts, so one under an earlier one is never reached.
private func warnIfHidden(_ command: Command, _ path: Bytes, among aliases: PoolArray<AliasEntry>) {
    if !path.hasPrefix("/") {
        command.warn("\"\(path.string)\" does not begin with a slash, so no URL matches it")
    }
    for earlier in aliases.elements where earlier.pattern == nil && path.matched(by: earlier.path) != nil {
        command.warn(
            "AH00671: this \(command.name.string) will probably never match: the alias of"
                + " \"\(earlier.path.string)\" stands before it")
        return
    }
}

extension Bytes {
    /// Whether the text, an expression, has parts that only a request can fill in: variables, functions, matches.
    var needsRequest: Bool {
        for index in 0..<max(count - 1, 0) {
            let next = self[index + 1]
            if self[index] == UInt8(ascii: "%"), next == UInt8(ascii: "{") { return true }
            if self[index] == UInt8(ascii: "$"), next.isDigit { return true }
        }
        return false
    }
}

extension Command {
    /// `path` made absolute; a slash at its end is kept, for it is joined with what follows the URL-path.
    func resolveKeepingSlash(_ path: Bytes) -> Bytes {
        let absolute = resolve(path)
        guard path.hasSuffix(Bytes("/")), !absolute.hasSuffix(Bytes("/")) else { return absolute }
        return pool.compose(capacity: absolute.count + 1) {
            $0.append(absolute)
            $0.append(UInt8(ascii: "/"))
        }
    }
}
