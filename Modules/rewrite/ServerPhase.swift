import ModuleKit

/// The translate_name hook: the rules of the server, before the path has become a file name.
func rewriteForServer(_ request: Request, _ module: RewriteProcess) throws -> Status {
    let section = request.confPointer(RewriteDirConf.self)
    guard section.pointee.set.engine == .on else { return .declined }
    let server = request.serverConf(RewriteServerConf.self)
    let trace = Trace(module.log, request)
    if Progress.of(request)?.pointee.hasEnded == true {
        trace.line(8, "Declining, no further rewriting due to END flag")
        return .declined
    }
    if !section.pointee.set.options.contains(.allowAnyURI), !request.path.hasPrefix("/") {
        trace.line(8, "Declining, request-URI '\(request.target.string)' is not a URL-path")
        return .declined
    }
    noteScript(request)
    let progress = Progress.make(request)
    if !progress.pointee.isWaiting {
        trace.line(2, "init rewrite engine with requested uri \(request.path.string)")
    }
    var run = Run(
        module, request, trace, rules: server.pointee.set.rules, progress.pointee.takeState(or: RunState(request)))
    return try module.apply(&run, progress) { try finish($0, server.pointee.set.options) }
}

extension RunState {
    /// Where a run for a server begins.
    fileprivate init(_ request: Request) {
        self.init(uri: request.path, query: request.query, pathInfo: request.pathInfo)
    }
}

/// SCRIPT_URL and SCRIPT_URI: the path, and the whole URL, as they were before any rule.
private func noteScript(_ request: Request) {
    let environment = request.environment
    if let main = request.main {
        environment["SCRIPT_URL"] = main.environment["SCRIPT_URL"]
    } else {
        environment["SCRIPT_URL"] = environment["REDIRECT_SCRIPT_URL"] ?? request.path
    }
    environment["SCRIPT_URI"] = request.pool.join(request.origin, environment["SCRIPT_URL"] ?? .none)
}

private func finish(_ run: Run, _ options: RewriteOptions) throws -> Status {
    let request = run.request
    if let refusal = run.refuseControls("AH10410") { return refusal }
    if run.state.goesToProxy { return run.refuseProxy("AH00669") }
    if let scheme = run.state.uri.schemeLength, !run.state.passesThrough { return run.redirect(scheme) }
    request.query = run.state.query
    if run.state.passesThrough {
        request.path = run.state.uri
        return .declined
    }
    return try mapToFile(run, options)
}

/// A path that begins with a directory of the file system's root, and with that in the rule itself, names a file; any
/// other stands below the document root.
private func mapToFile(_ run: Run, _ options: RewriteOptions) throws -> Status {
    let request = run.request
    let path = try run.expandingHome(run.state.uri.squeezingSlashes(in: run.pool))
    run.trace.line(2, "local path result: \(path.string)")
    guard path.hasPrefix("/") else { return .status(400) }
    let staysBelowRoot = run.state.wasReduced && !options.contains(.legacyPrefixDocRoot)
    var name = path
    if try staysBelowRoot || !run.namesFile(path) {
        let root = request.server.documentRoot
        guard root.isSet else { return .status(404) }
        name = root.hasSuffix("/") ? run.pool.join(root, path.from(1)) : run.pool.join(root, path)
        run.trace.line(2, "prefixed with document_root to \(name.string)")
    }
    request.filename = name
    run.trace.line(1, "go-ahead with \(name.string) [OK]")
    return .ok
}
