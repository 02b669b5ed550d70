import ModuleKit

/// Asks which type of authentication the configuration sets for a request: a function that the module with
/// AuthType publishes. Without that module there is none.
struct AuthTypeFinder: BitwiseCopyable {
    private typealias Function = @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?) -> apus_str

    private var function: Function?
    private var context: UnsafeMutableRawPointer?

    init() {}

    init(_ host: Host) {
        guard let link = host.function("authn_core.auth_type", "s(xR)"), let fn = link.fn else { return }
        function = unsafeBitCast(fn, to: Function.self)
        context = link.ctx
    }

    /// None: who the user is does not matter.
    func type(for request: Request) -> Bytes {
        if let function { return function(context, request.raw) }
        return request.get(APUS_R_AUTH_TYPE)
    }
}

/// The access_checker_ex hook: decides without a user where it can. DECLINED: ask who it is.
func authorizeUnnamed(_ request: Request, authType: AuthTypeFinder, log: Log) throws -> Status {
    guard let root = request.confPointer(AuthzDirConf.self).pointee.root else {
        guard authType.type(for: request).isSet else {
            log.write(.debug, code: "AH01628", request: request, "authorization result: granted (no directives)")
            return .ok
        }
        report(log, "AH01627", request, "AuthType is set here, but nothing is required")
        return .status(500)
    }
    switch try decide(root, request, log) {
    case .granted, .exempt: return .ok
    case .needsUser: return .declined
    case .denied, .neutral: return refuse(request, log)
    case .failed: return fail(request, log)
    case .later: return .suspended
    }
}

/// What the requirements say. `.later`: the request is suspended until it is known.
private func decide(
    _ root: UnsafeMutablePointer<Requirement>, _ request: Request, _ log: Log
) throws -> Verdict {
    // A hook that has waited is called again; what was found out, the provider keeps.
    _ = request.finishedWork()
    if log.isEnabled(.debug, request: request) { return try decideTelling(root, request, log) }
    while true {
        var evaluation = Evaluation(request)
        let verdict = root.pointee.decide(&evaluation)
        guard verdict == .later else { return verdict }
        if try request.wait(for: evaluation.work) == nil { return .later }
    }
}

/// The same, and tells what each of them said.
private func decideTelling(
    _ root: UnsafeMutablePointer<Requirement>, _ request: Request, _ log: Log
) throws -> Verdict {
    while true {
        var trace = VerdictTrace()
        let (verdict, work) = withUnsafeMutablePointer(to: &trace) {
            var evaluation = Evaluation(request, $0)
            return (root.pointee.decide(&evaluation), evaluation.work)
        }
        guard verdict == .later else {
            trace.write(log, request)
            return verdict
        }
        if try request.wait(for: work) == nil { return .later }
    }
}

/// The auth_checker hook: decides about a user who is known.
func authorizeUser(
    _ request: Request, authType: AuthTypeFinder, failure: AuthFailureHook, log: Log
) throws -> Status {
    let conf = request.confPointer(AuthzDirConf.self)
    guard let root = conf.pointee.root else { return .ok }
    switch try decide(root, request, log) {
    case .granted, .exempt: return .ok
    case .failed: return fail(request, log)
    case .later: return .suspended
    case .needsUser:
        report(
            log, "AH00027", request, "a user is required, and none was found: is authentication set up here?")
        return .status(500)
    case .denied, .neutral:
        let type = authType.type(for: request)
        guard type.isSet else { return refuse(request, log) }
        report(
            log, "AH01631", request,
            "user \(request.user.string): authorization failure for \"\(request.path.string)\"")
        guard conf.pointee.forbidsOnFailure != .on else { return .status(403) }
        failure.run(request, type: type)
        return .status(401)
    }
}

private func refuse(_ request: Request, _ log: Log) -> Status {
    let file = request.filename
    let what = file.isSet ? file.string : "uri " + request.path.string
    report(log, "AH01630", request, "client denied by server configuration: \(what)")
    return .status(403)
}

private func fail(_ request: Request, _ log: Log) -> Status {
    report(log, "AH01632", request, "a requirement could not be checked: access is refused")
    return .status(500)
}

private func report(
    _ log: Log, _ code: StaticString, _ request: Request, _ message: @autoclosure () -> String
) {
    log.write(.error, code: code, request: request, message())
}
