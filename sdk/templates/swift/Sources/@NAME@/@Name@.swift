import ModuleKit

/// Answers with a greeting that a directive sets.
final class @Name@Module: Module {
    /// What holds in a server or a section; merged from the outside in.
    struct DirConf: Configuration {
        var greeting = "Hello"
    }

    static let info = ModuleInfo("@NAME@_module", version: "0.1")

    static let directives = [
        Directive("@Name@Greeting", .one, in: .any, override: .fileInfo, help: "what the answer begins with") {
            guard !$1[0].isEmpty else { throw DirectiveError("the greeting is empty") }
            try $0.set(\DirConf.greeting, $1)
        }
    ]

    init(_ host: Host) throws {
        try host.hooks.handler(.middle) { request in
            guard request.handler == "@NAME@" else { return .declined }
            guard request.method == "GET" || request.method == "HEAD" else { return .status(405) }
            return try request.reply(200, text: "\(request.conf(DirConf.self).greeting) from @NAME@\n")
        }
    }
}

@c(apus_module_entry)
public func entry(_ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>) -> UnsafePointer<apus_module>? {
    @Name@Module.descriptor(for: host, named: name)
}
