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

    /// Whether who the user is could matter.
    func isConfigured(for request: Request) -> Bool {
        if let function { return function(context, request.raw).isSet }
        return request.user.isSet || request.get(APUS_R_AUTH_TYPE).isSet
    }
}

/// The access_checker_ex hook: decides without a user where it can. DECLINED: ask who it is.
func authorizeUnnamed(_ request: Request, authType: AuthTypeFinder, log: Log) -> Status {
    guard let root = request.confPointer(AuthzDirConf.self).pointee.root else {
        guard authType.isConfigured(for: request) else { return .ok }
        report(log, "AH01627", request, "AuthType is set here, but nothing is required")
        return .status(500)
    }
    switch root.pointee.decide(request.raw) {
    case .granted, .exempt: return .ok
    case .needsUser: return .declined
    case .denied, .neutral: return refuse(request, log)
    case .failed: return fail(request, log)
    }
}

/// The auth_checker hook: decides about a user who is known.
func authorizeUser(_ request: Request, authType: AuthTypeFinder, log: Log) -> Status {
    let conf = request.confPointer(AuthzDirConf.self)
    guard let root = conf.pointee.root else { return .ok }
    switch root.pointee.decide(request.raw) {
    case .granted, .exempt: return .ok
    case .failed: return fail(request, log)
    case .needsUser:
        report(
            log, "AH00027", request, "a user is required, and none was found: is authentication set up here?")
        return .status(500)
    case .denied, .neutral:
        guard authType.isConfigured(for: request) else { return refuse(request, log) }
        report(
            log, "AH01631", request,
            "user \(request.user.string): authorization failure for \"\(request.path.string)\"")
        return .status(conf.pointee.forbidsOnFailure == .on ? 403 : 401)
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

/// An explanation of what would happen leaves no line behind.
private func report(
    _ log: Log, _ code: StaticString, _ request: Request, _ message: @autoclosure () -> String
) {
    guard !request.isExplain else { return }
    log.write(.error, code: code, request: request, message())
}
