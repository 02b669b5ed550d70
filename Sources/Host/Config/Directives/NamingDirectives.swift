import ByteKit
import ModuleABI

/// How servers and clients are called, and what remains of older ways to do so.
extension CoreDirectives {
    static var naming: [DirectiveEntry] { canonicalNames + formerNames }

    private static var canonicalNames: [DirectiveEntry] {
        let inConfiguration = APUS_IN_SERVER | inSections
        return [
            directive("UseCanonicalName", 1...1, in: inConfiguration, "On|Off|DNS") { context, words throws(DirectiveProblem) in
                context.coreDir.pointee.useCanonicalName = try choice(words[0], ["on": .on, "off": .off, "dns": .dns])
            },
            directive("UseCanonicalPhysicalPort", 1...1, in: inConfiguration, "On|Off") { context, words throws(DirectiveProblem) in
                context.coreDir.pointee.useCanonicalPhysicalPort = try context.flag(words[0])
            },
            directive("HostnameLookups", 1...1, in: inConfiguration, "On|Off|Double") { context, words throws(DirectiveProblem) in
                context.coreDir.pointee.hostnameLookups = try choice(words[0], ["on": .on, "off": .off, "double": .double])
            },
            directive("QualifyRedirectURL", 1...1, in: anywhere, override: APUS_OVERRIDE_FILEINFO, "On|Off") {
                context, words throws(DirectiveProblem) in
                context.coreDir.pointee.qualifyRedirectURL = try context.flag(words[0])
            },
            directive("ServerPath", 1...1, in: server, "path", setServerPath),
            directive("MergeTrailers", 1...1, in: server, "On|Off") { context, words throws(DirectiveProblem) in
                context.coreServer.pointee.mergeTrailers = try context.flag(words[0])
            },
            directive("RegexDefaultOptions", 1...APUS_MANY, in: global, "[none] [+|-]option …", setRegexDefaultOptions),
        ]
    }

    private static var formerNames: [DirectiveEntry] {
        [
            directive("NameVirtualHost", 1...1, in: server, "address[:port]") { context, _ in
                context.warn(
                    "it has had no effect since httpd 2.3.11",
                    hint: "remove the line: virtual hosts of one address are told apart by their names anyway")
            },
            directive("Port", 1...1, in: global, "port") { _, words throws(DirectiveProblem) in
                throw DirectiveProblem("it was replaced by Listen in httpd 2.0", hint: "write Listen \(words[0].text)")
            },
            directive("DefaultType", 1...1, in: anywhere, override: APUS_OVERRIDE_FILEINFO, "none") { context, words in
                guard words[0].text.asciiLowered != "none" else { return }
                context.warn(
                    "it has no effect but for None: files of no known type are sent without one",
                    hint: "write ForceType, or AddType for their extension")
            },
        ]
    }

    private static func setServerPath(_ context: DirectiveContext, _ words: [Word]) throws(DirectiveProblem) {
        guard context.scope.kind == .vhost else {
            return context.warn("it has an effect only in <VirtualHost>")
        }
        guard words[0].bytes.first == 0x2f else {
            throw DirectiveProblem("\"\(words[0].text)\" is no path", hint: "begin with /", at: words[0].location)
        }
        let path = words[0].bytes.last == 0x2f ? Array(words[0].bytes.dropLast()) : words[0].bytes
        context.coreServer.pointee.serverPath = context.arena.copy(path)
    }

    private static func setRegexDefaultOptions(_ context: DirectiveContext, _ words: [Word]) throws(DirectiveProblem) {
        let names = ["icase": APUS_REGEX_ICASE, "dotall": APUS_REGEX_DOTALL, "dollar_endonly": APUS_REGEX_NO_DOLLAR_NEWLINE]
        var flags = Regex.defaultFlags
        for word in words {
            let text = word.text.asciiLowered
            let sign = text.first.flatMap { $0 == "+" || $0 == "-" ? $0 : nil }
            guard text != "none" else {
                flags = 0
                continue
            }
            guard let flag = names[sign == nil ? text : String(text.dropFirst())] else {
                throw DirectiveProblem("\"\(word.text)\" is not one of None, ICASE, DOTALL, DOLLAR_ENDONLY", at: word.location)
            }
            switch sign {
            case "-": flags &= ~flag
            case "+": flags |= flag
            default: flags = flag
            }
        }
        Regex.defaultFlags = flags
    }
}
