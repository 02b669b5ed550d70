import ByteKit
import Glibc
import ModuleABI

/// Who a server is, and where its files lie.
extension CoreDirectives {
    static var serverIdentity: [DirectiveEntry] {
        [
            directive("ServerName", 1...1, in: server, "[scheme://]host[:port]", setServerName),
            directive("ServerAlias", 1...APUS_MANY, in: server, "host [host] …") { context, words throws(DirectiveProblem) in
                guard context.scope.kind == .vhost else {
                    throw DirectiveProblem("it belongs into <VirtualHost>", hint: "the main server answers to any name anyway")
                }
                for word in words {
                    let isPattern = word.bytes.contains { $0 == 0x2a || $0 == 0x3f }
                    if isPattern { context.scope.server.patterns.append(word.text) } else { context.scope.server.names.append(word.text) }
                }
            },
            directive("ServerAdmin", 1...1, in: server, "address or URL") { context, words in
                context.coreServer.pointee.serverAdmin = context.bytes(words[0])
            },
            directive("DocumentRoot", 1...1, in: server, "directory") { context, words in
                context.coreServer.pointee.documentRoot = context.arena.copy(
                    context.builder.configuration.resolve(words[0].text))
                context.scope.server.documentRootLocation = words[0].location
            },
            directive("ServerTokens", 1...1, in: global, "Full|OS|Minimal|Minor|Major|Prod") {
                context, words throws(DirectiveProblem) in
                context.coreServer.pointee.serverTokens = try choice(
                    words[0],
                    [
                        "full": .full, "os": .os, "min": .minimal, "minimal": .minimal, "minor": .minor, "major": .major,
                        "prod": .productOnly, "productonly": .productOnly,
                    ])
            },
            directive("ServerSignature", 1...1, in: anywhere, override: anyOverride, "On|Off|EMail") {
                context, words throws(DirectiveProblem) in
                context.coreDir.pointee.serverSignature = try choice(words[0], ["on": .on, "off": .off, "email": .email])
            },
        ]
    }

    /// One word of a fixed set, whatever its case.
    static func choice<Value>(_ word: Word, _ values: [String: Value]) throws(DirectiveProblem) -> Value {
        guard let value = values[word.text.asciiLowered] else {
            throw DirectiveProblem(
                "\"\(word.text)\" is not one of \(values.keys.sorted().joined(separator: ", "))", at: word.location)
        }
        return value
    }

    private static func setServerName(_ context: DirectiveContext, _ words: [Word]) throws(DirectiveProblem) {
        var text = Substring(words[0].text)
        if let slashes = text.range(ofText: "://") {
            context.server.pointee.scheme = context.arena.copy(String(text[..<slashes.lowerBound]).asciiLowered)
            text = text[slashes.upperBound...]
        }
        if let colon = text.lastIndex(of: ":"), !text[colon...].contains("]") {
            guard let port = UInt16(text[text.index(after: colon)...]), port > 0 else {
                throw DirectiveProblem(
                    "\"\(text[text.index(after: colon)...])\" is not a port", hint: "ports are numbers from 1 to 65535",
                    at: words[0].location)
            }
            context.server.pointee.port = Int32(port)
            text = text[..<colon]
        }
        guard !text.isEmpty, !text.contains("/") else {
            throw DirectiveProblem("\"\(words[0].text)\" is no host name", at: words[0].location)
        }
        context.server.pointee.name = context.arena.copy(text.asciiLowered)
        context.scope.server.serverName = (String(text), words[0].location)
    }
}

extension Substring {
    /// Where a text occurs first.
    func range(ofText needle: String) -> Range<Index>? {
        var at = startIndex
        while at < endIndex {
            if self[at...].hasPrefix(needle) { return at..<index(at, offsetBy: needle.count) }
            at = index(after: at)
        }
        return nil
    }
}
