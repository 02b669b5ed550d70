import ModuleKit

let redirectDirectives: [Directive] = [
    Directive("Redirect", .words(1...3), in: .any, override: .fileInfo, help: "[status] URL-path URL") {
        try addRedirect($0, RedirectWords($1, takesPattern: false))
    },
    Directive(
        "RedirectMatch", .words(2...3), in: .any, override: .fileInfo, help: "[status] regular-expression URL"
    ) {
        try addRedirect($0, RedirectWords($1, takesPattern: true))
    },
    Directive("RedirectPermanent", .two, in: .any, override: .fileInfo, help: "a URL-path and a URL") {
        try addRedirect($0, RedirectWords(status: 301, path: $1[0], url: $1[1]))
    },
    Directive("RedirectTemp", .two, in: .any, override: .fileInfo, help: "a URL-path and a URL") {
        try addRedirect($0, RedirectWords(status: 302, path: $1[0], url: $1[1]))
    },
    Directive("RedirectRelative", .flag, in: .any, override: .fileInfo, help: "On or Off") {
        $0.configuration(AliasDirConf.self).pointee.sendsRelative = try Bool(word: $1[0]) ? .on : .off
    },
]

/// The words of a redirect told apart.
private struct RedirectWords {
    var status: Int32 = 302
    /// The URL-path or pattern; nil: that of the section.
    var path: Bytes?
    var url: Bytes?
    var isPattern = false

    init(status: Int32, path: Bytes, url: Bytes) {
        self.status = status
        self.path = path
        self.url = url
    }

    init(_ words: Arguments, takesPattern: Bool) throws {
        isPattern = takesPattern
        let stated = try Self.status(words[0])
        var rest = Array(0..<words.count)
        if let stated {
            status = stated
            rest.removeFirst()
        } else if words.count == 3 {
            throw DirectiveError(
                "\"\(words.string(0))\" is no status: permanent, temp, seeother, gone or a number")
        }
        switch rest.count {
        case 2:
            path = words[rest[0]]
            url = words[rest[1]]
        case 1 where takesPattern || (stated != nil && !(300...399 ~= status)):
            path = words[rest[0]]
        case 1: url = words[rest[0]]
        default: break
        }
    }

    private static func status(_ word: Bytes) throws -> Int32? {
        if word.equalsIgnoringCase("permanent") { return 301 }
        if word.equalsIgnoringCase("temp") { return 302 }
        if word.equalsIgnoringCase("seeother") { return 303 }
        if word.equalsIgnoringCase("gone") { return 410 }
        guard !word.isEmpty, word[0].isDigit else { return nil }
        guard let number = word.decimal, 100...599 ~= number else {
            throw DirectiveError("\"\(word.string)\" is not an HTTP status")
        }
        return Int32(number)
    }
}

private func addRedirect(_ command: Command, _ words: RedirectWords) throws {
    var words = words
    let isServer = command.scopeKind == APUS_SCOPE_SERVER || command.scopeKind == APUS_SCOPE_VHOST
    // Outside sections one word alone is a path whose URL is missing.
    if isServer, words.path == nil { swap(&words.path, &words.url) }
    try validate(command, words, isServer: isServer)
    guard let path = words.path else { return try setOwnRedirect(command, words) }

    var entry = RedirectEntry(status: words.status)
    if words.isPattern {
        entry.pattern = try Pattern(path, in: command.pool)
        if let url = words.url { entry.template = Template(url, isURL: true, in: command.pool) }
    } else {
        entry.path = command.pool.copy(path)
        if !path.hasPrefix("/") {
            command.warn("\"\(path.string)\" does not begin with a slash, so no URL matches it")
        }
    }
    if let url = words.url { entry.target = command.pool.copy(url) }
    if isServer {
        command.serverConfiguration(AliasServerConf.self).pointee.redirects.append(entry, in: command.pool)
    } else {
        command.configuration(AliasDirConf.self).pointee.redirects.append(entry, in: command.pool)
    }
}

private func validate(_ command: Command, _ words: RedirectWords, isServer: Bool) throws {
    let name = command.name.string
    if isServer, words.path == nil { throw DirectiveError("\(name) outside sections needs a URL-path") }
    guard 300...399 ~= words.status else {
        if words.url != nil {
            throw DirectiveError("a \(words.status) redirects nowhere, so \(name) takes no URL with it")
        }
        return
    }
    guard let url = words.url else { throw DirectiveError("\(name) lacks the URL to redirect to") }
    if words.path != nil, !words.isPattern, !url.hasPrefix("/"), !url.isURL {
        throw DirectiveError("\"\(url.string)\" is neither a URL nor a path that begins with a slash")
    }
}

/// A redirect without a URL-path holds for all of its section.
private func setOwnRedirect(_ command: Command, _ words: RedirectWords) throws {
    var entry = RedirectEntry(status: words.status)
    if let url = words.url {
        if url.needsRequest {
            entry.expression = try Expression.compile(url, kind: .string, in: command)
        } else {
            entry.target = command.pool.copy(url)
        }
    }
    let conf = command.configuration(AliasDirConf.self)
    conf.pointee.hasOwnRedirect = true
    conf.pointee.ownRedirect = entry
}
