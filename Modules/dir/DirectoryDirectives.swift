import ModuleKit

let directoryDirectives: [Directive] = [
    Directive(
        "DirectoryIndex", .many(0), in: .any, override: .indexes,
        help: "URLs to look for, relative to the directory"
    ) { setIndexes($0, $1) },
    Directive("DirectorySlash", .flag, in: .any, override: .indexes, help: "On or Off") {
        $0.configuration(DirectoryConf.self).pointee.slash = try Bool(word: $1[0]) ? .on : .off
    },
    Directive("DirectoryCheckHandler", .flag, in: .any, override: .indexes, help: "On or Off") {
        $0.configuration(DirectoryConf.self).pointee.checksHandler = try Bool(word: $1[0]) ? .on : .off
    },
    Directive(
        "DirectoryIndexRedirect", .one, in: .any, override: .indexes,
        help: "on, off, permanent, temp, seeother or a status from 300 to 399"
    ) { $0.configuration(DirectoryConf.self).pointee.indexRedirect = try redirectStatus($1[0]) },
    Directive("FallbackResource", .one, in: .any, override: .indexes, help: "a URL path, or disabled") {
        let target = $1[0].equalsIgnoringCase("disabled") ? Bytes("") : $0.pool.copy($1[0])
        $0.configuration(DirectoryConf.self).pointee.fallback = target
    },
]

/// Adds to the list of this scope; `disabled` alone empties it.
private func setIndexes(_ command: Command, _ words: Arguments) {
    let conf = command.configuration(DirectoryConf.self)
    conf.pointee.hasIndexes = true
    if words.count == 1, words[0].equalsIgnoringCase("disabled") {
        conf.pointee.indexes = PoolArray()
        return
    }
    for index in 0..<words.count {
        conf.pointee.indexes.append(command.pool.copy(words[index]), in: command.pool)
    }
}

private func redirectStatus(_ word: Bytes) throws -> Int32 {
    if word.equalsIgnoringCase("off") { return 0 }
    if word.equalsIgnoringCase("on") || word.equalsIgnoringCase("temp") { return 302 }
    if word.equalsIgnoringCase("permanent") { return 301 }
    if word.equalsIgnoringCase("seeother") { return 303 }
    guard let status = word.decimal, 300...399 ~= status else {
        throw DirectiveError(
            "\"\(word.string)\" is none of on, off, permanent, temp, seeother and a status from 300 to 399")
    }
    return Int32(status)
}
