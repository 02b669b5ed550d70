import ByteKit
import ModuleABI

/// What is listened on, and how long and how much a client may.
extension CoreDirectives {
    static var connections: [DirectiveEntry] {
        [
            directive("Listen", 1...2, in: global, "[address:]port [protocol]", addListener),
            directive("Timeout", 1...1, in: server, "seconds") { context, words throws(DirectiveProblem) in
                context.coreServer.pointee.timeout = try positive(context, words[0])
            },
            directive("KeepAlive", 1...1, in: server, "On|Off") { context, words throws(DirectiveProblem) in
                context.coreServer.pointee.keepAlive = try context.flag(words[0])
            },
            directive("KeepAliveTimeout", 1...1, in: server, "number[ms], 0: connections are not kept") { context, words throws(DirectiveProblem) in
                context.coreServer.pointee.keepAliveTimeout = try context.duration(words[0])
            },
            directive("MaxKeepAliveRequests", 1...1, in: server, "number, 0: no limit") {
                context, words throws(DirectiveProblem) in
                context.coreServer.pointee.maxKeepAliveRequests = Int32(max(0, try context.number(words[0], Int64(Int32.min)...Int64(Int32.max))))
            },
            directive("LimitRequestLine", 1...1, in: server, "bytes") { context, words throws(DirectiveProblem) in
                context.coreServer.pointee.limitRequestLine = Int32(try context.number(words[0], 1...1_048_576))
            },
            directive("LimitRequestFields", 1...1, in: server, "number, 0: no limit") {
                context, words throws(DirectiveProblem) in
                context.coreServer.pointee.limitRequestFields = Int32(try context.number(words[0], 0...Int64(Int32.max)))
            },
            directive("LimitRequestFieldSize", 1...1, in: server, "bytes") { context, words throws(DirectiveProblem) in
                context.coreServer.pointee.limitRequestFieldSize = Int32(try context.number(words[0], 1...1_048_576))
            },
            directive("TraceEnable", 1...1, in: server, "On|Off|extended") { context, words throws(DirectiveProblem) in
                context.coreServer.pointee.traceEnable = try choice(words[0], ["on": .on, "off": .off, "extended": .extended])
            },
        ]
    }

    static func positive(_ context: DirectiveContext, _ word: Word) throws(DirectiveProblem) -> Int64 {
        let value = try context.duration(word)
        guard value > 0 else {
            throw DirectiveProblem("it must be more than zero", at: word.location)
        }
        return value
    }

    private static func addListener(_ context: DirectiveContext, _ words: [Word]) throws(DirectiveProblem) {
        // A word of digits alone is a port.
        let isPort = words[0].bytes.allSatisfy(\.isDigit)
        let bytes = isPort ? Array("*:".utf8) + words[0].bytes : words[0].bytes
        let word = Word(bytes: bytes, location: words[0].location, isQuoted: false)
        guard let spec = AddressSpec(word), let port = spec.port else {
            throw DirectiveProblem(
                "\"\(words[0].text)\" is no port and no address with one",
                hint: "write Listen 80, Listen 192.0.2.1:80 or Listen [2001:db8::1]:80", at: words[0].location)
        }
        let scheme = words.count == 2 ? words[1].text.asciiLowered : port == 443 ? "https" : "http"
        for address in try addresses(spec, port) {
            if let other = context.builder.configuration.listeners.first(where: { $0.address == address }) {
                throw DirectiveProblem(
                    "\(address.description) is listened on already\(other.location.map { ", see \($0)" } ?? "")",
                    hint: "remove one of the two lines")
            }
            context.builder.configuration.listeners.append(
                ListenSpec(address: address, location: context.node.location, scheme: scheme))
        }
    }

    private static func addresses(_ spec: AddressSpec, _ port: UInt16) throws(DirectiveProblem) -> [SocketAddress] {
        guard let host = spec.host else { return [.any(port: port, ipv4: !Listener.systemHasIPv6)] }
        let found = SocketAddress.resolve(host, port: port)
        guard !found.isEmpty else {
            throw DirectiveProblem("the host name \(host) cannot be resolved", hint: "write an IP address", at: spec.location)
        }
        return found
    }
}
