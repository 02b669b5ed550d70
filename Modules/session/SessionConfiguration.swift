import ModuleKit

/// What a directory says about sessions.
struct SessionConf: Configuration {
    var isOn = false
    /// Seconds; 0: for ever.
    var maxAge: Int64 = 0
    /// Seconds by which the time of expiry may change without the session being stored again.
    var updateInterval: Int64 = 0
    /// The field of an answer that changes the session.
    var header = Bytes.none
    var isInEnvironment = false
    var included = PoolArray<Bytes>()
    var excluded = PoolArray<Bytes>()

    func includes(_ path: Bytes) -> Bool {
        if excluded.elements.contains(where: { path.hasPrefix($0) }) { return false }
        return included.isEmpty || included.elements.contains { path.hasPrefix($0) }
    }
}

let sessionDirectives: [Directive] = [
    Directive("Session", .flag, in: .any, override: .auth, help: "On or Off") { try $0.set(\SessionConf.isOn, $1) },
    Directive("SessionMaxAge", .one, in: .any, override: .auth, help: "seconds; 0: for ever") { command, words in
        let age = try seconds(words[0])
        command.update { (conf: inout SessionConf) in conf.maxAge = age }
    },
    Directive("SessionExpiryUpdateInterval", .one, in: .any, override: .auth, help: "seconds") { command, words in
        let interval = try seconds(words[0])
        command.update { (conf: inout SessionConf) in conf.updateInterval = interval }
    },
    Directive("SessionHeader", .one, in: .any, override: .auth, help: "a field of answers that changes the session") {
        command, words in
        guard !words[0].isEmpty else { throw DirectiveError("SessionHeader needs the name of a header field") }
        let name = command.pool.copy(words[0])
        command.update { (conf: inout SessionConf) in conf.header = name }
    },
    Directive("SessionEnv", .flag, in: .any, override: .auth, help: "On or Off") {
        try $0.set(\SessionConf.isInEnvironment, $1)
    },
    Directive("SessionInclude", .one, in: .any, override: .auth, help: "the begin of a path") { command, words in
        let (path, pool) = (command.pool.copy(words[0]), command.pool)
        command.update { (conf: inout SessionConf) in conf.included = conf.included.adding(path, in: pool) }
    },
    Directive("SessionExclude", .one, in: .any, override: .auth, help: "the begin of a path") { command, words in
        let (path, pool) = (command.pool.copy(words[0]), command.pool)
        command.update { (conf: inout SessionConf) in conf.excluded = conf.excluded.adding(path, in: pool) }
    },
]

extension PoolArray {
    /// The same with one more, as a list of its own.
    fileprivate func adding(_ element: Element, in pool: Pool) -> PoolArray {
        var one = PoolArray()
        one.append(element, in: pool)
        return joined(with: one, in: pool)
    }
}

private func seconds(_ word: Bytes) throws -> Int64 {
    guard let value = word.decimal, value <= Int64(Int32.max) else {
        throw DirectiveError("\"\(word.string)\" is no number of seconds from 0 to \(Int32.max)")
    }
    return value
}
