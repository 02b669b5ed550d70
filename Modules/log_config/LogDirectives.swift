import ModuleKit

let logDirectives: [Directive] = [
    Directive(
        "CustomLog", .words(2...3), in: .server,
        help: "a file or |command, a format or nickname, and env=[!]NAME or expr=condition"
    ) {
        $0.serverConfiguration(LogServerConf.self).pointee.own.append(try target($0, $1), in: $0.pool)
    },
    Directive(
        "GlobalLog", .words(2...3), in: .global,
        help: "a file or |command, a format or nickname, and env=[!]NAME or expr=condition"
    ) {
        $0.serverConfiguration(LogServerConf.self).pointee.global.append(try target($0, $1), in: $0.pool)
    },
    Directive("TransferLog", .one, in: .server, help: "a file or |command") {
        $0.serverConfiguration(LogServerConf.self).pointee.own.append(try target($0, $1), in: $0.pool)
    },
    Directive("LogFormat", .words(1...2), in: .server, help: "a format, and a nickname for it") {
        try setFormat($0, $1)
    },
    Directive("BufferedLogs", .flag, in: .server, help: "accepted without effect: lines are always gathered when it is busy") {
        let isOn = try Bool(word: $1[0])
        Host(raw: $0.host).mainServer.conf(LogServerConf.self).pointee.isBuffered = isOn
    },
]

private func target(_ command: Command, _ words: Arguments) throws -> LogTarget {
    var target = LogTarget()
    guard !words[0].isEmpty else {
        throw DirectiveError("\(command.name.string) needs the name of a file, or |command")
    }
    target.path = command.pool.copy(words[0])
    target.place = command.pool.copy(command.place)
    if words.count > 1 {
        try validate(words[1], command)
        target.format = command.pool.copy(words[1])
    }
    if words.count > 2 { try setCondition(words[2], of: &target, command) }
    return target
}

private func setCondition(_ clause: Bytes, of target: inout LogTarget, _ command: Command) throws {
    if clause.hasPrefixIgnoringCase("expr=") {
        target.condition = try Expression.compile(clause.from(5), kind: .condition, in: command, varies: false)
        return
    }
    guard clause.hasPrefixIgnoringCase("env=") else {
        throw DirectiveError("\"\(clause.string)\" is no condition: env=NAME, env=!NAME or expr=CONDITION")
    }
    var name = clause.from(4)
    if name.hasPrefix("!") {
        target.isNegated = true
        name = name.from(1)
    }
    guard !name.isEmpty else {
        throw DirectiveError("\"\(clause.string)\" lacks the name of an environment variable")
    }
    target.variable = command.pool.copy(name)
}

/// With a nickname a format is only named; alone it is what TransferLog writes.
private func setFormat(_ command: Command, _ words: Arguments) throws {
    try validate(words[0], command)
    let format = command.pool.copy(words[0])
    let conf = command.serverConfiguration(LogServerConf.self)
    if words.count > 1 {
        conf.pointee.formats.append(
            NamedFormat(name: command.pool.copy(words[1]), format: format), in: command.pool)
    } else {
        conf.pointee.defaultFormat = format
    }
}

/// Reads the format once here, so that an error is shown at its own line.
private func validate(_ format: Bytes, _ command: Command) throws {
    do {
        let read = try LogFormat(format, host: Host(raw: command.host), in: command.pool)
        for warning in read.warnings { command.warn(warning) }
    } catch let error as FormatError {
        throw DirectiveError(error.message)
    }
}
