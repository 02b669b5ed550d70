import ModuleKit

/// Hands requests to CGI programs, by what they ask for or how.
final class Actions: Module {
    typealias DirConf = ActionsConf

    static let info = ModuleInfo("actions_module", version: "1.0", requires: [APUS_EXT_SUBREQUEST])
    static let directives: [Directive] = [
        Directive(
            "Action", .words(2...3), in: .any, override: .fileInfo, help: "handler-or-media-type path-of-program [virtual]"
        ) { try addAction($0, $1) },
        Directive("Script", .two, in: [.server, .directory, .location, .files], help: "method path-of-program") {
            let script = Script(method: $0.pool.copy($1[0]), path: $0.pool.copy($1[1]))
            $0.configuration(ActionsConf.self).pointee.scripts.append(script, in: $0.pool)
        },
    ]

    init(_ host: Host) throws {
        // What another module answers needs no program.
        try host.hooks.handler(.last) { try runProgram($0, host.log) }
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    Actions.descriptor(for: host, named: name)
}

/// One Action.
struct Action: BitwiseCopyable {
    /// A handler or a media type.
    var kind: Bytes
    var path: Bytes
    /// Whether there need be no such file.
    var isVirtual: Bool
}

/// One Script.
struct Script: BitwiseCopyable {
    var method: Bytes
    var path: Bytes
}

struct ActionsConf: Configuration {
    /// The last one of a kind, or of a method, holds.
    var actions = PoolArray<Action>()
    var scripts = PoolArray<Script>()

    func merged(over base: ActionsConf, settings: [(inout ActionsConf) -> Void], in pool: Pool) -> ActionsConf {
        ActionsConf(
            actions: base.actions.joined(with: actions, in: pool), scripts: base.scripts.joined(with: scripts, in: pool))
    }
}

private func addAction(_ command: Command, _ words: Arguments) throws {
    if words.count == 3, !words[2].equalsIgnoringCase("virtual") {
        throw DirectiveError("\"\(words.string(2))\" is not virtual, which is all that may follow the path")
    }
    let action = Action(
        kind: command.pool.copy(words[0]), path: command.pool.copy(words[1]), isVirtual: words.count == 3)
    command.configuration(ActionsConf.self).pointee.actions.append(action, in: command.pool)
}

private func runProgram(_ request: Request, _ log: Log) throws -> Status {
    let conf = request.confPointer(ActionsConf.self)
    guard let program = try action(for: request, conf, log) ?? script(for: request, conf) else { return .declined }
    let query = request.query
    return try request.internalRedirect(
        request.pool.compose(capacity: program.count + request.path.count * 3 + query.count + 1) { writer in
            writer.append(program)
            writer.append(escapingPath: request.path)
            if query.isSet { writer.append("?") }
            writer.append(query)
        })
}

/// The program for what is asked for.
private func action(for request: Request, _ conf: UnsafeMutablePointer<ActionsConf>, _ log: Log) throws -> Bytes? {
    guard !conf.pointee.actions.isEmpty else { return nil }
    let kind = request.handler.isEmpty ? request.contentType.withoutParameters : request.handler
    guard !kind.isEmpty, let action = conf.pointee.actions.elements.last(where: { $0.kind.equalsIgnoringCase(kind) }) else {
        return nil
    }
    guard action.isVirtual || request.fileType != APUS_FILE_NONE else {
        log.write(.error, code: "AH00652", request: request, "file does not exist: \(request.filename.string)")
        throw ModuleError("there is no such file", status: .status(404))
    }
    // The program hears of it as REDIRECT_HANDLER.
    request.environment["HANDLER"] = kind
    return action.path
}

/// The program for the method.
private func script(for request: Request, _ conf: UnsafeMutablePointer<ActionsConf>) -> Bytes? {
    let method = request.isHead ? Bytes("GET") : request.method
    guard !conf.pointee.scripts.isEmpty, method != "GET" || request.query.isSet,
        // What was to be a program is none, and would be handed to itself.
        request.previous?.previous == nil
    else { return nil }
    return conf.pointee.scripts.elements.last { $0.method == method }?.path
}

extension apus_str {
    /// A media type alone.
    fileprivate var withoutParameters: Bytes { upTo(firstIndex(of: UInt8(ascii: ";")) ?? count).trimmed }
}
