import ModuleKit

/// Offers `Require all`, `Require env`, `Require expr` and `Require method` the way other modules offer theirs. The context
/// of each is the module's host handle.
func provideOwnRequirements(_ host: Host) throws {
    let context = UnsafeMutableRawPointer(mutating: host.raw)
    try host.provide(APUS_GROUP_AUTHZ, "all", table(parseAll, checkAll), rawContext: context)
    try host.provide(APUS_GROUP_AUTHZ, "env", table(parseNames, checkEnvironment), rawContext: context)
    try host.provide(APUS_GROUP_AUTHZ, "expr", table(parseExpression, checkExpression), rawContext: context)
    try host.provide(APUS_GROUP_AUTHZ, "method", table(parseMethods, checkMethod), rawContext: context)
}

private typealias Parse =
    @convention(c) (
        UnsafeMutableRawPointer?, OpaquePointer?, apus_str, UnsafeMutablePointer<UnsafeMutableRawPointer?>?
    ) -> apus_status
private typealias Check =
    @convention(c) (
        UnsafeMutableRawPointer?, OpaquePointer?, UnsafeMutableRawPointer?
    ) -> apus_status

private func table(_ parse: Parse, _ check: Check) -> apus_authz_v1 {
    apus_authz_v1(size: UInt32(MemoryLayout<apus_authz_v1>.size), flags: 0, parse: parse, check: check, defer: nil)
}

/// What is parsed of "granted" is any address; of "denied", NULL.
private func parseAll(
    _ context: UnsafeMutableRawPointer?, _ command: OpaquePointer?, _ arguments: apus_str,
    _ parsed: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> apus_status {
    guard let command = Command(command, context) else { return APUS_E_INVALID }
    if arguments.equalsIgnoringCase("granted") {
        parsed?.pointee = context
    } else if arguments.equalsIgnoringCase("denied") {
        parsed?.pointee = nil
    } else {
        return command.report(DirectiveError("Require all takes \"granted\" or \"denied\""))
    }
    return APUS_OK
}

private func checkAll(
    _ context: UnsafeMutableRawPointer?, _ r: OpaquePointer?, _ parsed: UnsafeMutableRawPointer?
) -> apus_status {
    parsed != nil ? APUS_AUTHZ_GRANTED : APUS_AUTHZ_DENIED
}

/// The words of the line, as a list in the configuration's pool.
private func parseNames(
    _ context: UnsafeMutableRawPointer?, _ command: OpaquePointer?, _ arguments: apus_str,
    _ parsed: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> apus_status {
    guard let command = Command(command, context) else { return APUS_E_INVALID }
    parsed?.pointee = UnsafeMutableRawPointer(command.pool.make(arguments.arguments(in: command.pool)))
    return APUS_OK
}

private func checkEnvironment(
    _ context: UnsafeMutableRawPointer?, _ r: OpaquePointer?, _ parsed: UnsafeMutableRawPointer?
) -> apus_status {
    guard let request = Request(r, context), let names = list(parsed) else { return APUS_E_INVALID }
    for name in names.elements where request.environment[name] != nil {
        note(request, "the environment variable \(name.string) is set")
        return APUS_AUTHZ_GRANTED
    }
    note(request, "none of the environment variables is set")
    return APUS_AUTHZ_DENIED
}

/// A condition, and whether it depends on who the user is.
private struct RequiredExpression: BitwiseCopyable {
    var condition: Expression
    var asksForUser: Bool
}

/// The line is taken as it stands; quotation marks around the whole of it are none of the expression's.
private func parseExpression(
    _ context: UnsafeMutableRawPointer?, _ command: OpaquePointer?, _ arguments: apus_str,
    _ parsed: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> apus_status {
    guard let command = Command(command, context) else { return APUS_E_INVALID }
    let line = arguments.trimmed
    let isQuoted = line.count > 1 && line[0] == UInt8(ascii: "\"") && line[line.count - 1] == line[0]
    do {
        let condition = try Expression.compile(
            isQuoted ? line[1..<line.count - 1] : line, kind: .condition, in: command)
        let required = RequiredExpression(condition: condition, asksForUser: condition.mentions("REMOTE_USER"))
        parsed?.pointee = UnsafeMutableRawPointer(command.pool.make(required))
        return APUS_OK
    } catch {
        return command.report(error as? DirectiveError ?? DirectiveError("the expression cannot be used"))
    }
}

/// A user may yet change the outcome of a condition that asks for one.
private func checkExpression(
    _ context: UnsafeMutableRawPointer?, _ r: OpaquePointer?, _ parsed: UnsafeMutableRawPointer?
) -> apus_status {
    guard let request = Request(r, context), let parsed else { return APUS_E_INVALID }
    let required = parsed.assumingMemoryBound(to: RequiredExpression.self).pointee
    guard let holds = required.condition.test(request) else { return APUS_E_FAIL }
    note(request, "the expression is \(holds ? "true" : "false")")
    if holds { return APUS_AUTHZ_GRANTED }
    return required.asksForUser && request.user.isEmpty ? APUS_AUTHZ_NEEDS_USER : APUS_AUTHZ_DENIED
}

/// The methods that there are; a configuration that names another has a slip in it.
private let methods: Set<String> = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "PROPFIND", "PROPPATCH",
    "MKCOL",
    "COPY", "MOVE", "LOCK", "UNLOCK", "VERSION-CONTROL", "CHECKOUT", "UNCHECKOUT", "CHECKIN", "UPDATE",
    "LABEL",
    "REPORT", "MKWORKSPACE", "MKACTIVITY", "BASELINE-CONTROL", "MERGE",
]

private func parseMethods(
    _ context: UnsafeMutableRawPointer?, _ command: OpaquePointer?, _ arguments: apus_str,
    _ parsed: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> apus_status {
    guard let command = Command(command, context) else { return APUS_E_INVALID }
    let names = arguments.arguments(in: command.pool)
    for name in names.elements where !methods.contains(name.string) {
        return command.report(
            DirectiveError("\"\(name.string)\" is not a method; methods are written in capitals"))
    }
    parsed?.pointee = UnsafeMutableRawPointer(command.pool.make(names))
    return APUS_OK
}

/// HEAD is to GET as the header is to the page, so who may do one may do the other.
private func checkMethod(
    _ context: UnsafeMutableRawPointer?, _ r: OpaquePointer?, _ parsed: UnsafeMutableRawPointer?
) -> apus_status {
    guard let request = Request(r, context), let names = list(parsed) else { return APUS_E_INVALID }
    let method = request.method
    note(request, "the method is \(method.string)")
    let isGet = method == "GET" || method == "HEAD"
    for name in names.elements where name == method || (isGet && (name == "GET" || name == "HEAD")) {
        return APUS_AUTHZ_GRANTED
    }
    return APUS_AUTHZ_DENIED
}

/// What a requirement has looked at, for who reads on why it says what it says.
private func note(_ request: Request, _ message: @autoclosure () -> String) {
    Log(host: request.host).write(.debug, code: "APUS3108", request: request, message())
}

private func list(_ parsed: UnsafeMutableRawPointer?) -> PoolArray<Bytes>? {
    parsed?.assumingMemoryBound(to: PoolArray<Bytes>.self).pointee
}

extension Command {
    fileprivate init?(_ raw: OpaquePointer?, _ context: UnsafeMutableRawPointer?) {
        guard let raw, let context else { return nil }
        self.init(raw: raw, host: UnsafePointer(context.assumingMemoryBound(to: apus_host.self)))
    }
}

extension Request {
    fileprivate init?(_ raw: OpaquePointer?, _ context: UnsafeMutableRawPointer?) {
        guard let raw, let context else { return nil }
        self.init(raw, host: UnsafePointer(context.assumingMemoryBound(to: apus_host.self)))
    }
}
