import ModuleKit

/// Directives of every shape, and configuration of servers and directories.
final class Directives: Module {
    struct Conf: Configuration {
        var word = ""
        var calls = ""
    }
    typealias ServerConf = Conf
    typealias DirConf = Conf

    static let info = ModuleInfo("abi_directives_module", version: "1.0")

    static let directives = [
        Directive("AbiServer", .one, in: .server) { try $0.set(server: \Conf.word, $1) },
        Directive("AbiGlobal", .one, in: .global, recordInServer),
        Directive("AbiServerCall", .one, in: .server, recordInServer),
        Directive("AbiWord", .one, in: .any) { try $0.set(\Conf.word, $1) },
        Directive("AbiNone", .none, in: .any, record),
        Directive("AbiRange", .words(2...3), in: .any, record),
        Directive("AbiMany", .many(2), in: .any, record),
        Directive("AbiFlag", .flag, in: .any, record),
        Directive("AbiRaw", .raw, in: .any, record),
        Directive("AbiEach", .each, in: .any, record),
        Directive("AbiPairs", .pairs, in: .any, record),
        Directive("AbiSection", .section, in: .any) { command, arguments in
            record(command, arguments)
            try command.walk()
            note(command, "")
        },
        Directive("AbiDirectory", .one, in: .directory, record),
        Directive("AbiLocation", .one, in: .location, record),
        Directive("AbiFiles", .one, in: .files, record),
        Directive("AbiOnce", .one, in: .any, flags: APUS_DIRECTIVE_ONCE, record),
        Directive("AbiSecret", .one, in: .any, flags: APUS_DIRECTIVE_SECRET, record),
        Directive("AbiOld", .one, in: .any, flags: APUS_DIRECTIVE_DEPRECATED, help: "write AbiWord", record),
        Directive("AbiFail", .one, in: .any) { throw DirectiveError("no \"\($1.string(0))\" today") },
        Directive("AbiWarn", .one, in: .any) { $0.warn("\"\($1.string(0))\" is probably wrong") },
        Directive("AbiPlace", .none, in: .any) { command, _ in
            let (file, line) = command.location
            let base = file.from((file.lastIndex(of: 0x2f) ?? -1) + 1).string
            note(
                command,
                "\(command.scopeKind) \(command.scopePath.string) \(line) \(base) \(command.server.name.string)"
            )
        },
        Directive("AbiPath", .one, in: .any) { note($0, $0.resolve($1[0]).string) },
        Directive("AbiBoth", .one, in: .any) { command, arguments in
            recordInServer(command, arguments)
            record(command, arguments)
        },
    ]

    init(_ host: Host) throws {
        try host.hooks.handler(.middle) { request in
            guard request.handler == "abi" else { return .declined }
            let server = request.serverConf(Conf.self).pointee
            let dir = request.conf(Conf.self)
            return try request.reply(
                200,
                text:
                    "server=\(server.word)\nservercalls=\(server.calls)\nword=\(dir.word)\ncalls=\(dir.calls)\n"
            )
        }
    }

    private static func words(_ arguments: Arguments) -> String {
        (0..<arguments.count).map { arguments.string($0) }.joined(separator: "|")
    }

    private static func note(_ command: Command, _ text: String) {
        let call = "\(command.name.string)(\(text))"
        command.update { (conf: inout Conf) in conf.calls += call }
    }

    private static func record(_ command: Command, _ arguments: Arguments) { note(command, words(arguments)) }

    private static func recordInServer(_ command: Command, _ arguments: Arguments) {
        let call = "\(command.name.string)(\(words(arguments)))"
        command.updateServer { (conf: inout Conf) in conf.calls += call }
    }
}

@c(apus_module_entry)
public func entry(_ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>) -> UnsafePointer<
    apus_module
>? {
    Directives.descriptor(for: host, named: name)
}
