import ModuleKit

/// How elements are told from text, for a server.
struct IncludeTags: Configuration {
    var start = Bytes.none
    var end = Bytes.none

    var effectiveStart: Bytes { start.isSet ? start : Bytes("<!--#") }
    var effectiveEnd: Bytes { end.isSet ? end : Bytes("-->") }

    func merged(over base: IncludeTags, settings: [(inout IncludeTags) -> Void]) -> IncludeTags {
        IncludeTags(start: start.isSet ? start : base.start, end: end.isSet ? end : base.end)
    }
}

/// How documents are read. What is nil or unset holds as outside.
struct IncludeConf: Configuration {
    /// What the bits of a file mean for it.
    enum BitHack: UInt8, BitwiseCopyable { case off, on, full }

    var errorMessage = Bytes.none
    var timeFormat = Bytes.none
    var undefinedEcho = Bytes.none
    var bitHack: BitHack?
    var hasLegacyExpressions: Bool?
    var keepsLastModified: Bool?
    var keepsETag: Bool?

    var effectiveErrorMessage: Bytes {
        errorMessage.isSet ? errorMessage : Bytes("[an error occurred while processing this directive]")
    }
    var effectiveTimeFormat: Bytes { timeFormat.isSet ? timeFormat : Bytes("%A, %d-%b-%Y %H:%M:%S %Z") }
    var effectiveUndefinedEcho: Bytes { undefinedEcho.isSet ? undefinedEcho : Bytes("(none)") }

    func merged(over base: IncludeConf, settings: [(inout IncludeConf) -> Void]) -> IncludeConf {
        IncludeConf(
            errorMessage: errorMessage.isSet ? errorMessage : base.errorMessage,
            timeFormat: timeFormat.isSet ? timeFormat : base.timeFormat,
            undefinedEcho: undefinedEcho.isSet ? undefinedEcho : base.undefinedEcho,
            bitHack: bitHack ?? base.bitHack,
            hasLegacyExpressions: hasLegacyExpressions ?? base.hasLegacyExpressions,
            keepsLastModified: keepsLastModified ?? base.keepsLastModified,
            keepsETag: keepsETag ?? base.keepsETag)
    }
}

let includeDirectives: [Directive] = [
    tag("SSIStartTag", "what begins an element", \.start),
    tag("SSIEndTag", "what ends an element", \.end),
    text("SSIErrorMsg", "what stands in the place of an element that failed", \.errorMessage),
    text("SSITimeFormat", "how times are written, as strftime takes it", \.timeFormat),
    text("SSIUndefinedEcho", "what stands in the place of a variable that is not set", \.undefinedEcho),
    flag("SSILegacyExprParser", [.directory, .location, .files, .htaccess], \.hasLegacyExpressions),
    flag("SSILastModified", [.directory, .location, .files, .htaccess], \.keepsLastModified),
    flag("SSIETag", [.directory, .location, .files, .htaccess], \.keepsETag),
    Directive("XBitHack", .one, in: .any, override: .options, help: "on, off or full") {
        $0.configuration(IncludeConf.self).pointee.bitHack = try bitHack($1[0])
    },
]

private func tag(_ name: String, _ help: String, _ path: WritableKeyPath<IncludeTags, Bytes>) -> Directive {
    Directive(name, .one, in: .server, help: help) { command, words in
        guard !words[0].isEmpty, !words[0].buffer.contains(where: \.isBlank) else {
            throw DirectiveError("\"\(words.string(0))\" is empty or holds white space, which no tag may")
        }
        command.serverConfiguration(IncludeTags.self).pointee[keyPath: path] = command.pool.copy(words[0])
    }
}

private func text(_ name: String, _ help: String, _ path: WritableKeyPath<IncludeConf, Bytes>) -> Directive {
    Directive(name, .one, in: .any, override: .any, help: help) {
        $0.configuration(IncludeConf.self).pointee[keyPath: path] = $0.pool.copy($1[0])
    }
}

private func flag(_ name: String, _ scopes: Scopes, _ path: WritableKeyPath<IncludeConf, Bool?>) -> Directive {
    Directive(name, .flag, in: scopes, override: .limit, help: "On or Off") {
        $0.configuration(IncludeConf.self).pointee[keyPath: path] = try Bool(word: $1[0])
    }
}

private func bitHack(_ word: Bytes) throws -> IncludeConf.BitHack {
    switch word.string.lowercased() {
    case "off": .off
    case "on": .on
    case "full": .full
    default: throw DirectiveError("\"\(word.string)\" is none of on, off and full")
    }
}
