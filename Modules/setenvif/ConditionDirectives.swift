import ModuleKit

let conditionDirectives: [Directive] = [
    Directive("SetEnvIf", .many(3), in: .any, override: .fileInfo, help: changes("attribute regex")) {
        try add($0, subject: subject($1[0], $0, flags: 0), pattern: $1[1], flags: 0, $1, from: 2)
    },
    Directive("SetEnvIfNoCase", .many(3), in: .any, override: .fileInfo, help: changes("attribute regex")) {
        try add($0, subject: subject($1[0], $0, flags: ignoringCase), pattern: $1[1], flags: ignoringCase, $1, from: 2)
    },
    Directive("BrowserMatch", .many(2), in: .any, override: .fileInfo, help: changes("regex")) {
        try add($0, subject: .named(Bytes("User-Agent")), pattern: $1[0], flags: 0, $1, from: 1)
    },
    Directive("BrowserMatchNoCase", .many(2), in: .any, override: .fileInfo, help: changes("regex")) {
        try add($0, subject: .named(Bytes("User-Agent")), pattern: $1[0], flags: ignoringCase, $1, from: 1)
    },
    Directive("SetEnvIfExpr", .many(2), in: .any, override: .fileInfo, help: changes("expression")) {
        let expression = try Expression.compile($1[0], kind: .condition, in: $0)
        try add($0, subject: .expression(expression), pattern: nil, flags: 0, $1, from: 1)
    },
]

private var ignoringCase: UInt32 { APUS_REGEX_ICASE }
private func changes(_ before: String) -> String { "\(before) [!]variable[=value] …" }

private func subject(_ word: Bytes, _ command: Command, flags: UInt32) throws -> Subject {
    let aspects: [(StaticString, Subject)] = [
        ("remote_host", .remoteHost), ("remote_addr", .remoteAddress), ("server_addr", .serverAddress),
        ("request_method", .requestMethod), ("request_protocol", .requestProtocol), ("request_uri", .requestURI),
    ]
    for (name, aspect) in aspects where word.equalsIgnoringCase(name) { return aspect }
    guard !word.isEmpty else { throw DirectiveError("the attribute is empty") }
    // A byte that no name of a header field has makes it a regular expression for names.
    if word.buffer.allSatisfy({ $0.isNameByte }) { return .named(command.pool.copy(word)) }
    return .matching(try Pattern(word, flags: flags, in: command.pool))
}

private func add(
    _ command: Command, subject: Subject, pattern: Bytes?, flags: UInt32, _ words: Arguments, from first: Int
) throws {
    var condition = Condition(subject: subject, pattern: nil, changes: PoolArray())
    if let pattern { condition.pattern = try Pattern(pattern, flags: flags, in: command.pool) }
    for index in first..<words.count { condition.changes.append(try change(words[index], command.pool), in: command.pool) }
    switch command.scopeKind {
    case APUS_SCOPE_SERVER, APUS_SCOPE_VHOST:
        command.serverConfiguration(ConditionsConf.self).pointee.conditions.append(condition, in: command.pool)
    default: command.configuration(ConditionsConf.self).pointee.conditions.append(condition, in: command.pool)
    }
}

/// `!NAME`, `NAME` or `NAME=VALUE`; without a value it is 1.
private func change(_ word: Bytes, _ pool: Pool) throws -> Change {
    let isRemoval = word.hasPrefix("!")
    let text = isRemoval ? word.from(1) : word
    let mark = isRemoval ? nil : text.firstIndex(of: UInt8(ascii: "="))
    let name = mark.map { text.upTo($0) } ?? text
    guard !name.isEmpty else {
        throw DirectiveError("\"\(word.string)\" names no variable; write NAME, NAME=VALUE or !NAME")
    }
    let value = mark.map { text.from($0 + 1) } ?? .none
    return Change(name: pool.copy(name), value: isRemoval ? .none : pool.copy(value.isEmpty ? Bytes("1") : value))
}

extension UInt8 {
    fileprivate var isNameByte: Bool { (self | 0x20) &- 0x61 < 26 || isDigit || self == 0x2d || self == 0x5f }
}
