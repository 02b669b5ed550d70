import ModuleKit

/// What both modules for CGI programs do: the one that bears httpd's name cgi, and cgid, which is the same here.
public enum ScriptModule {
    public static let requirements = [APUS_EXT_TASKS, APUS_EXT_SUBREQUEST]

    /// The directives of both but for those that only one of them has.
    public static let directives: [Directive] = scriptDirectives

    public static func attach(_ host: Host) throws {
        try host.hooks.handler(Order(.middle, flags: .maySuspend)) { try start($0, host) }
        try host.hooks.handler(Order(.late, flags: .maySuspend)) { try exchange($0, host) }
    }

    /// Starts the program on a thread of the pool: that takes longer than a loop should stand still.
    private static func start(_ request: Request, _ host: Host) throws -> Status {
        guard request.handler == "cgi-script" || request.handler == "application/x-httpd-cgi" else { return .declined }
        let log = ScriptLog(request, host)
        if let refusal = ScriptRules.check(request, log) { return refusal }
        let process = try ChildProcess(ProgramPlan(script: request))
        request.slot = Unmanaged.passRetained(process).toOpaque()
        request.pool.onDestroy { Unmanaged.passUnretained(process).release() }
        let task = try request.suspend { process.end() }
        task.runBlocking { process.spawn() }
        return .suspended
    }

    private static func exchange(_ request: Request, _ host: Host) throws -> Status {
        guard request.handler == "cgi-script" || request.handler == "application/x-httpd-cgi",
            let slot = request.slot
        else { return .declined }
        let process = Unmanaged<ChildProcess>.fromOpaque(slot).takeUnretainedValue()
        let log = ScriptLog(request, host)
        guard process.failure == 0 else {
            return log.refuse(500, "AH01223", "the program cannot be started: \(process.failureText)")
        }
        return try ScriptExchange(request, host, process, log).begin()
    }
}
