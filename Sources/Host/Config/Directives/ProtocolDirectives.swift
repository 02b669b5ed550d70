import ByteKit
import ModuleABI
import ModuleABI.Draft

/// How requests are read: what is a method, a host, a path; how far requests may lead to others.
extension CoreDirectives {
    static var protocolRules: [DirectiveEntry] {
        [
            directive("AllowEncodedSlashes", 1...1, in: server, "On|Off|NoDecode") { context, words throws(DirectiveProblem) in
                context.coreServer.pointee.encodedSlashes = try choice(
                    words[0], ["on": .decoded, "off": .refused, "nodecode": .kept])
            },
            directive("MergeSlashes", 1...1, in: server, "On|Off") { context, words throws(DirectiveProblem) in
                context.coreServer.pointee.mergeSlashes = try context.flag(words[0])
            },
            directive("StrictHostCheck", 1...1, in: server, "On|Off") { context, words throws(DirectiveProblem) in
                context.coreServer.pointee.strictHostCheck = try context.flag(words[0])
            },
            directive(
                "HttpProtocolOptions", 1...3, in: server, "[Strict|Unsafe] [RegisteredMethods|LenientMethods] [Allow0.9|Require1.0]",
                setProtocolOptions),
            directive("RegisterHttpMethod", 1...APUS_MANY, in: global, "method …") { context, words throws(DirectiveProblem) in
                for word in words {
                    let name = context.bytes(word)
                    guard Token.isToken(name), !name.isEmpty else {
                        throw DirectiveProblem("\"\(word.text)\" can be no method", hint: "methods are made of letters, digits and - _ . ~", at: word.location)
                    }
                    Method.added.append(name)
                }
            },
            directive("Protocols", 1...APUS_MANY, in: server, "protocol …", setProtocols),
            directive("ProtocolsHonorOrder", 1...1, in: server, "On|Off") { context, words throws(DirectiveProblem) in
                context.coreServer.pointee.honorsProtocolOrder = try context.flag(words[0])
            },
            directive("DebugTraceSecret", 1...1, in: server, flags: APUS_DIRECTIVE_SECRET, "secret") {
                context, words throws(DirectiveProblem) in
                guard words[0].bytes.count >= 16 else {
                    throw DirectiveProblem(
                        "the secret is too short to be one", hint: "write at least 16 characters, such as `openssl rand -hex 16` makes",
                        at: words[0].location)
                }
                context.coreServer.pointee.traceSecret = context.bytes(words[0])
            },
            directive("LimitInternalRecursion", 1...2, in: server, "redirects [sub-requests]") {
                context, words throws(DirectiveProblem) in
                let redirects = UInt8(try context.number(words[0], 1...250))
                context.coreServer.pointee.limitInternalRedirects = redirects
                context.coreServer.pointee.limitSubrequests = words.count > 1 ? UInt8(try context.number(words[1], 1...250)) : redirects
            },
        ]
    }

    /// This server is always strict, and speaks no HTTP/0.9: the words that ask for less are taken, and the log says so.
    private static func setProtocolOptions(_ context: DirectiveContext, _ words: [Word]) throws(DirectiveProblem) {
        for word in words {
            switch word.text.asciiLowered {
            case "strict", "require1.0": break
            case "registeredmethods": context.coreServer.pointee.registeredMethodsOnly = true
            case "lenientmethods": context.coreServer.pointee.registeredMethodsOnly = false
            case "unsafe": note(context, "Unsafe: a request whose end could be read in two ways is always refused")
            case "allow0.9": note(context, "Allow0.9: HTTP/0.9 is not spoken")
            default:
                throw DirectiveProblem(
                    "\"\(word.text)\" is not one of Strict, Unsafe, RegisteredMethods, LenientMethods, Allow0.9, Require1.0",
                    at: word.location)
            }
        }
    }

    /// What transports may agree on, besides HTTP/1.1. Lines of one server add up. A name that nobody brings is for a module to come.
    private static func setProtocols(_ context: DirectiveContext, _ words: [Word]) throws(DirectiveProblem) {
        let own = "http/1.1"
        let speakers = context.builder.runtime.providers.all(APUS_GROUP_PROTOCOL).map(\.name.string)
        let before = context.coreServer.pointee.protocols
        var names = before.isSet ? before.string.split(separator: " ").map(String.init) : []
        for word in words where !names.contains(word.text) {
            guard (1...255).contains(word.bytes.count), word.bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
                throw DirectiveProblem("\"\(word.text)\" can be no protocol", hint: "names are those of ALPN, such as h2", at: word.location)
            }
            names.append(word.text)
            if word.text != own, !speakers.contains(word.text) { note(context, "no loaded module speaks \(word.text)") }
        }
        context.coreServer.pointee.protocols = context.arena.copy((names.contains(own) ? names : names + [own]).joined(separator: " "))
    }

    private static func note(_ context: DirectiveContext, _ reason: String) {
        context.builder.configuration.withoutEffect.append((context.entry.name, context.node.location, reason))
    }

    /// `MaxRanges` and its kin: a number, none, unlimited or default.
    static func rangeLimit(_ name: String, _ path: WritableKeyPath<CoreDirConf, Int32?>) -> DirectiveEntry {
        directive(name, 1...1, in: APUS_IN_SERVER | inSections, "default|unlimited|none|number") {
            context, words throws(DirectiveProblem) in
            switch words[0].text.asciiLowered {
            case "default": context.coreDir.pointee[keyPath: path] = name == "MaxRanges" ? 200 : 20
            case "unlimited": context.coreDir.pointee[keyPath: path] = -1
            case "none": context.coreDir.pointee[keyPath: path] = 0
            default: context.coreDir.pointee[keyPath: path] = Int32(try context.number(words[0], 1...Int64(Int32.max)))
            }
        }
    }
}
