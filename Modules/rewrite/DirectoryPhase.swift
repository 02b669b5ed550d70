import ModuleKit

/// The fixups hook: the rules of sections and .htaccess files, when the file is known. What they make is a new request.
func rewriteForDirectory(_ request: Request, _ module: RewriteProcess) throws -> Status {
    let section = request.confPointer(RewriteDirConf.self)
    let directory = section.pointee.directory
    guard directory.isSet, section.pointee.set.engine == .on else { return .declined }
    if !section.pointee.set.options.contains(.allowNoSlash), isDirectoryWithoutSlash(request.filename, directory) {
        return .declined
    }
    guard request.allows(APUS_OPTION_FOLLOW_SYM_LINKS | APUS_OPTION_SYM_LINKS_IF_OWNER_MATCH) else {
        module.log.write(
            .error, code: "AH00670", request: request,
            "Options FollowSymLinks and SymLinksIfOwnerMatch are both off, so the RewriteRule directive is also forbidden"
                + " due to its similar ability to circumvent directory restrictions : \(request.filename.string)")
        return .status(403)
    }
    let trace = Trace(module.log, request, directory: directory)
    if Progress.of(request)?.pointee.hasEnded == true {
        trace.line(8, "Declining, no further rewriting due to END flag")
        return .declined
    }
    let progress = Progress.make(request)
    if !progress.pointee.isWaiting { trace.line(8, "init rewrite engine with requested file \(request.filename.string)") }
    let start = RunState(
        uri: request.filename.isSet ? request.filename : request.path, query: request.query, pathInfo: request.pathInfo)
    var run = Run(
        module, request, trace, rules: section.pointee.set.rules, directory: directory,
        progress.pointee.takeState(or: start))
    return try module.apply(&run, progress) { try finish($0, section) }
}

/// The section is asked before the directory's slash is there: mod_dir redirects the client first.
private func isDirectoryWithoutSlash(_ filename: Bytes, _ directory: Bytes) -> Bool {
    filename.count == directory.count - 1 && directory.hasPrefix(filename)
}

private func finish(_ run: Run, _ section: UnsafePointer<RewriteDirConf>) throws -> Status {
    if let refusal = run.refuseControls("AH10411") { return refusal }
    if run.state.goesToProxy { return run.refuseProxy("AH10160") }
    if let scheme = run.state.uri.schemeLength {
        var run = run
        run.state.uri = basedURL(run, scheme, section)
        return run.redirect(scheme)
    }
    let request = run.request
    guard run.state.uri.hasPrefix("/") else { return .status(400) }
    // What the rules made of the request is where it stood: to begin anew would never end.
    if run.state.uri == request.filename {
        run.trace.line(1, "initial URL equal rewritten URL: \(run.state.uri.string) [IGNORING REWRITE]")
        request.query = run.state.query
        return .ok
    }
    let path = urlPath(run, section)
    run.trace.line(1, "internal redirect with \(path.string) [INTERNAL REDIRECT]")
    request.query = run.state.query
    request.pathInfo = run.state.pathInfo
    request.filename = run.pool.join(redirectPrefix, path)
    request.handler = redirectHandler
    return .ok
}

/// A redirect's URL whose path is still the directory gets RewriteBase in its place.
private func basedURL(_ run: Run, _ scheme: Int, _ section: UnsafePointer<RewriteDirConf>) -> Bytes {
    let url = run.state.uri
    let base = section.pointee.base
    let slash = UInt8(ascii: "/")
    guard base.isSet, let start = url.firstIndex(of: slash, from: scheme), start + 1 < url.count else { return url }
    run.trace.line(2, "trying to replace prefix \(run.directory.string) with \(base.string)")
    let rest = url.from(start + 1)
    let bare = run.directory.hasPrefix("/") ? run.directory.from(1) : run.directory
    let replaced = rest.replacing(prefix: bare, with: base.from(1), in: run.pool)
    return replaced == rest ? url : run.pool.join(url.upTo(start + 1), replaced)
}

/// The URL-path of a file name: RewriteBase, the document root, or an alias says what the directory's is.
private func urlPath(_ run: Run, _ section: UnsafePointer<RewriteDirConf>) -> Bytes {
    let name = run.state.uri
    var path = name
    if section.pointee.base.isSet {
        run.trace.line(2, "trying to replace prefix \(run.directory.string) with \(section.pointee.base.string)")
        path = name.replacing(prefix: run.directory, with: section.pointee.base, in: run.pool)
    } else {
        let root = run.request.server.documentRoot
        let bare = root.hasSuffix("/") ? root.upTo(root.count - 1) : root
        if root.isSet, name.hasPrefix(bare), name.from(bare.count).hasPrefix("/") {
            path = name.from(bare.count)
            run.trace.line(2, "strip document_root prefix: \(name.string) -> \(path.string)")
        }
    }
    let isUntouched = path.ptr == name.ptr && path.count == name.count
    let context = run.request.get(APUS_R_LOCAL_ROOT)
    let prefix = run.request.get(APUS_R_CONTEXT_PREFIX)
    if isUntouched, context.isSet, prefix.isSet, !section.pointee.set.options.contains(.ignoreContextInfo) {
        run.trace.line(
            2, "trying to replace context docroot \(context.string) with context prefix \(prefix.string)")
        path = name.replacing(prefix: context, with: prefix, in: run.pool)
    }
    return path
}

// MARK: What follows

private var redirectHandler: Bytes { Bytes("redirect-handler") }
private var redirectPrefix: Bytes { Bytes("redirect:") }

/// The handler of a request that a directory's rules have rewritten: begins anew with what they made.
func redirectInternally(_ request: Request) throws -> Status {
    guard request.handler == redirectHandler, request.filename.hasPrefix(redirectPrefix) else { return .declined }
    let path = request.filename.from(redirectPrefix.count)
    let query = request.query
    do {
        return try request.internalRedirect(query.isSet ? request.pool.join(path, Bytes("?"), query) : path)
    } catch let error as ModuleError where error.status == .invalid {
        return .status(400)
    }
}

/// The last of fixups: T and H have the last word about a file's type and handler.
func forceTypes(_ request: Request, _ module: RewriteProcess) -> Status {
    guard request.confPointer(RewriteDirConf.self).pointee.set.engine == .on else { return .declined }
    let notes = request.notes
    guard notes.count > 0 else { return .declined }
    if let type = notes["rewrite-forced-mimetype"] {
        Trace(module.log, request).line(1, "force filename \(request.filename.string) to have MIME-type '\(type.string)'")
        request.contentType = type
    }
    if let handler = notes["rewrite-forced-handler"] {
        Trace(module.log, request)
            .line(1, "force filename \(request.filename.string) to have the Content-handler '\(handler.string)'")
        request.handler = handler
    }
    return .declined
}
