import Glibc
import ModuleKit

let mimeDirectives: [Directive] = [
    Directive("TypesConfig", .one, in: .server, help: "the file that maps extensions to media types") {
        try setTypesConfig($0, $1[0])
    },
    add("AddType", .type, "a media type and the extensions that have it"),
    add("AddCharset", .charset, "a character set and the extensions that say so"),
    add("AddLanguage", .language, "a language and the extensions that say so"),
    add("AddEncoding", .encoding, "a content coding and the extensions that say so"),
    add("AddHandler", .handler, "a handler and the extensions it answers for"),
    add("AddInputFilter", .inputFilters, "input filters, separated by ';', and the extensions they are for"),
    add(
        "AddOutputFilter", .outputFilters, "output filters, separated by ';', and the extensions they are for"
    ),
    Directive("RemoveType", .each, in: .any, override: .fileInfo, help: "extensions that say no type") {
        hideType($0, $1[0])
    },
    remove("RemoveCharset", .charset),
    remove("RemoveLanguage", .language),
    remove("RemoveEncoding", .encoding),
    remove("RemoveHandler", .handler),
    remove("RemoveInputFilter", .inputFilters),
    remove("RemoveOutputFilter", .outputFilters),
    Directive(
        "DefaultLanguage", .one, in: .any, override: .fileInfo, help: "the language of files that name none"
    ) {
        $0.configuration(MimeDirConf.self).pointee.defaultLanguage = $0.pool.copy($1[0])
    },
    Directive(
        "ModMimeUsePathInfo", .flag, in: .sections, help: "On or Off: whether the path information counts"
    ) {
        $0.configuration(MimeDirConf.self).pointee.usePathInfo = try Bool(word: $1[0]) ? .on : .off
    },
    Directive(
        "MultiviewsMatch", .each, in: [.server, .directory, .files, .htaccess], override: .fileInfo,
        help: "NegotiatedOnly, Any, or some of Handlers and Filters"
    ) {
        guard $0.limit == nil else { throw DirectiveError("it is about files, not about methods: put it outside of <Limit>") }
        try setMultiviews($0.configuration(MimeDirConf.self), $1[0])
    },
]

private func setMultiviews(_ conf: UnsafeMutablePointer<MimeDirConf>, _ word: Bytes) throws {
    let earlier = conf.pointee.multiviews
    func alone(_ value: MultiviewsMatch) throws -> MultiviewsMatch {
        guard earlier == nil || earlier == value else {
            throw DirectiveError("\(word.string) stands alone: the other words contradict it")
        }
        return value
    }
    func together(_ value: MultiviewsMatch) throws -> MultiviewsMatch {
        guard earlier != [], earlier != .any else {
            throw DirectiveError("\(word.string) contradicts NegotiatedOnly and Any, which stand alone")
        }
        return earlier?.union(value) ?? value
    }
    conf.pointee.multiviews =
        if word.equalsIgnoringCase("NegotiatedOnly") {
            try alone([])
        } else if word.equalsIgnoringCase("Any") {
            try alone(.any)
        } else if word.equalsIgnoringCase("Handlers") {
            try together(.handlers)
        } else if word.equalsIgnoringCase("Filters") {
            try together(.filters)
        } else {
            throw DirectiveError("\"\(word.string)\" is none of NegotiatedOnly, Any, Handlers and Filters")
        }
}

/// A directive that maps extensions to a value.
private func add(_ name: String, _ attribute: Attribute, _ help: String) -> Directive {
    Directive(name, .pairs, in: .any, override: .fileInfo, help: help) { command, words in
        let pool = command.pool
        let value = pool.lowercased(words[0])
        command.configuration(MimeDirConf.self).pointee
            .set(
                attribute, attribute == .type ? MediaType.tidied(value, in: pool) : value,
                for: extensionName(words[1], in: pool), in: pool)
    }
}

/// A directive that takes back what an outer scope says about extensions.
private func remove(_ name: String, _ attribute: Attribute) -> Directive {
    Directive(name, .each, in: .any, override: .fileInfo, help: "extensions that say nothing of the kind") {
        command, words in
        if command.scopeKind == APUS_SCOPE_SERVER {
            command.warn("\(name) takes back what an outer section says; outside all sections there is none")
        }
        let removal = Removal(name: extensionName(words[0], in: command.pool), attribute: attribute)
        command.configuration(MimeDirConf.self).pointee.removals.append(removal, in: command.pool)
    }
}

/// RemoveType also hides the types file, so it is a mapping to nothing, and a later AddType replaces it.
private func hideType(_ command: Command, _ word: Bytes) {
    command.configuration(MimeDirConf.self).pointee
        .set(.type, Bytes(""), for: extensionName(word, in: command.pool), in: command.pool)
}

private func setTypesConfig(_ command: Command, _ path: Bytes) throws {
    if command.scopeKind == APUS_SCOPE_VHOST {
        command.warn("TypesConfig counts for all servers; the one outside <VirtualHost> is read")
    }
    let file = command.resolve(path)
    guard access(command.pool.copy(file).ptr, R_OK) == 0 else {
        throw DirectiveError(
            "cannot read the media types of \(file.string): \(String(cString: strerror(errno)))")
    }
    let conf = command.serverConfiguration(MimeServerConf.self)
    conf.pointee.typesFile = file
    conf.pointee.place = command.pool.copy(command.place)
}

/// An extension as it is stored: in lower case, without its leading dot.
private func extensionName(_ word: Bytes, in pool: Pool) -> Bytes {
    pool.lowercased(word.hasPrefix(".") ? word.from(1) : word)
}

extension Pool {
    /// A copy in lower case.
    func lowercased(_ bytes: Bytes) -> Bytes {
        compose(capacity: bytes.count) { writer in
            for byte in bytes.buffer { writer.append(byte.asciiLowercased) }
        }
    }
}
