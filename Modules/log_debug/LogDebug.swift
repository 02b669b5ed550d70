import ModuleKit

/// Writes messages of the administrator's own into the error log, before chosen phases of a request.
final class LogDebug: Module {
    typealias DirConf = LogDebugConf

    static let info = ModuleInfo("log_debug_module", version: "1.0", requires: [APUS_EXT_EXPR])
    static let directives = [
        Directive(
            "LogMessage", .words(1...3), in: .sections.union(.server), help: "message [hook=PHASE] [expr=CONDITION]"
        ) { try addMessage($0, $1) }
    ]

    init(_ host: Host) throws {
        let hooks = host.hooks
        let add: (LogPhase) -> (Request) -> Status = { phase in
            { request in
                report(request, at: phase, host)
                return .declined
            }
        }
        try hooks.quickHandler(.first, add(.quickHandler))
        try hooks.translateName(.first) { request in
            // httpd has a phase of its own before this one.
            report(request, at: .preTranslateName, host)
            report(request, at: .translateName, host)
            return .declined
        }
        try hooks.mapToStorage(.first, add(.mapToStorage))
        try hooks.access(.first, add(.checkAccess))
        try hooks.accessEx(.first, add(.checkAccessEx))
        try hooks.checkUserID(.first, add(.checkAuthn))
        try hooks.authChecker(.first, add(.checkAuthz))
        try hooks.typeChecker(.first, add(.typeChecker))
        try hooks.fixups(.first, add(.fixups))
        try hooks.insertFilter(.first) { report($0, at: .insertFilter, host) }
        try hooks.handler(.first, add(.handler))
        try hooks.logTransaction(.first, add(.logTransaction))
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    LogDebug.descriptor(for: host, named: name)
}

/// The phases that messages can be written before, by httpd's names.
enum LogPhase: String, CaseIterable {
    case preTranslateName = "pre_translate_name"
    case translateName = "translate_name"
    case typeChecker = "type_checker"
    case quickHandler = "quick_handler"
    case mapToStorage = "map_to_storage"
    case checkAccess = "check_access"
    case checkAccessEx = "check_access_ex"
    case insertFilter = "insert_filter"
    case checkAuthn = "check_authn"
    case checkAuthz = "check_authz"
    case fixups, handler
    case logTransaction = "log_transaction"

    /// Before these only what the server says holds: sections do not, or not all of them.
    var isOfServer: Bool { self == .quickHandler || self == .mapToStorage }
}

/// One LogMessage.
struct LogMessage: BitwiseCopyable {
    var text: Expression
    /// Nil: before all.
    var phase: LogPhase?
    var condition: Expression?
}

/// The messages of a directory, those of the sections around it first.
struct LogDebugConf: Configuration, BitwiseCopyable {
    var messages = PoolArray<LogMessage>()

    func merged(
        over base: LogDebugConf, settings: [(inout LogDebugConf) -> Void], in pool: Pool
    ) -> LogDebugConf {
        LogDebugConf(messages: base.messages.joined(with: messages, in: pool))
    }
}

private func addMessage(_ command: Command, _ words: Arguments) throws {
    let text = try Expression.compile(words[0], kind: .string, in: command, varies: false)
    var message = LogMessage(text: text, phase: .logTransaction)
    for index in 1..<max(words.count, 1) {
        let word = words[index]
        if word.hasPrefixIgnoringCase("hook=") {
            message.phase = try phase(word.from(5))
        } else if word.hasPrefixIgnoringCase("expr=") {
            message.condition = try Expression.compile(word.from(5), kind: .condition, in: command, varies: false)
        } else {
            throw DirectiveError("\"\(word.string)\" is neither hook=PHASE nor expr=CONDITION")
        }
    }
    command.configuration(LogDebugConf.self).pointee.messages.append(message, in: command.pool)
}

/// Nil: all.
private func phase(_ name: Bytes) throws -> LogPhase? {
    let name = name.string.lowercased()
    if name == "all" { return nil }
    guard let phase = LogPhase(rawValue: name) else {
        let known = LogPhase.allCases.map(\.rawValue).joined(separator: ", ")
        throw DirectiveError("\"\(name)\" is no phase that messages can be written before; there are all, \(known)")
    }
    return phase
}

private func report(_ request: Request, at phase: LogPhase, _ host: Host) {
    let conf = phase.isOfServer
        ? request.server.dirConf(LogDebugConf.self) : request.confPointer(LogDebugConf.self)
    for message in conf.pointee.messages.elements {
        if let wanted = message.phase, wanted != phase { continue }
        if let condition = message.condition, condition.test(request) != true { continue }
        guard let text = message.text.text(request) else { continue }
        host.log.write(.info, request: request, text.string)
    }
}
