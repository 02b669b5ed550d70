import ModuleKit

/// The type, and the handler, of a directory that nothing else has claimed.
private let directoryType = "httpd/unix-directory" as StaticString

/// The fixups hook.
func fixUp(_ request: Request) throws -> Status {
    switch request.fileType {
    case APUS_FILE_DIRECTORY: return try fixUpDirectory(request)
    case APUS_FILE_NONE where !request.handler.isSet: return try fixUpMissing(request)
    default: return .declined
    }
}

private func fixUpDirectory(_ request: Request) throws -> Status {
    let conf = request.confPointer(DirectoryConf.self)
    if !request.handler.isSet { request.handler = Bytes(directoryType) }
    guard request.pathInfo.isEmpty else { return .declined }
    if conf.pointee.checksHandler == .on, request.handler != directoryType { return leave(request) }
    if !request.path.hasSuffix(Bytes("/")) {
        return conf.pointee.slash == .off ? .declined : addSlash(request)
    }
    // Between a per-directory rewrite and its internal redirect there is nothing to fix up.
    if request.handler == "redirect-handler" { return leave(request) }
    return try findIndex(request, conf)
}

/// Leaves the request to another handler, which must not see the directory's type as its own.
private func leave(_ request: Request) -> Status {
    if request.contentType == directoryType { request.contentType = .none }
    return .declined
}

/// Sends the client to the same URL with a trailing slash, unless it is known to follow such a redirect
/// carelessly with another method than GET.
private func addSlash(_ request: Request) -> Status {
    let isGet = request.method == "GET" || request.method == "HEAD"
    if !isGet, request.environment["redirect-carefully"] != nil { return .declined }
    let query = request.query
    let path = request.path
    let origin = request.origin
    let location = request.pool.compose(capacity: origin.count + path.count * 3 + query.count + 2) {
        $0.append(origin)
        $0.append(escapingPath: path)
        $0.append(UInt8(ascii: "/"))
        if query.isSet {
            $0.append(UInt8(ascii: "?"))
            $0.append(query)
        }
    }
    request.headersOut["Location"] = location
    return .status(301)
}

/// Looks for the index files in turn. The first that is there becomes the answer; an error of one that is not
/// plain "not found" is kept, so that no listing is made of a directory whose index the client may not see.
private func findIndex(_ request: Request, _ conf: UnsafePointer<DirectoryConf>) throws -> Status {
    let count = conf.pointee.hasIndexes ? conf.pointee.indexes.count : 1
    var kept: Status?
    for index in 0..<count {
        let name = conf.pointee.hasIndexes ? conf.pointee.indexes[index] : DirectoryConf.defaultIndex
        let found = try request.lookup(withQuery(name, of: request))
        if isAnswer(found) { return try take(found, for: request, redirecting: conf.pointee.indexRedirect) }
        let status = found.status
        if isFinal(status, isLast: index == count - 1) { return propagate(found, to: request) }
        if status != 200, status != 404, status != 0 { kept = .status(Int32(status)) }
        found.destroy()
    }
    if let kept { return kept }
    noteNames(of: conf, on: request)
    return .declined
}

/// The fallback takes the place of a file that is not there and that no handler has claimed.
private func fixUpMissing(_ request: Request) throws -> Status {
    let target = request.confPointer(DirectoryConf.self).pointee.fallback
    guard !target.isEmpty else { return .declined }
    let found = try request.lookup(withQuery(target, of: request))
    if isAnswer(found) { return try take(found, for: request, redirecting: 0) }
    let status = found.status
    if isFinal(status, isLast: true) { return propagate(found, to: request) }
    found.destroy()
    return status == 200 || status == 404 || status == 0 ? .declined : .status(Int32(status))
}

/// The name with the query of the request, if there is one.
private func withQuery(_ name: Bytes, of request: Request) -> Bytes {
    let query = request.query
    guard query.isSet else { return name }
    return request.pool.compose(capacity: name.count + query.count + 1) {
        $0.append(name)
        $0.append(UInt8(ascii: "?"))
        $0.append(query)
    }
}

/// A look-up is liberal with paths, so only a regular file counts, or what a proxy would fetch.
private func isAnswer(_ found: Request) -> Bool {
    found.status == 200 && (found.fileType == APUS_FILE_REGULAR || found.handler == "proxy-server")
}

/// Whether a look-up's status is the client's business at once: redirects always, 401 and 406 when nothing
/// else is left to try.
private func isFinal(_ status: Int, isLast: Bool) -> Bool {
    300...399 ~= status || (isLast && (status == 401 || status == 406))
}

private func take(_ found: Request, for request: Request, redirecting status: Int32) throws -> Status {
    guard status > 0 else {
        try request.adopt(found)
        return .ok
    }
    let path = found.path
    let origin = request.origin
    request.headersOut["Location"] = request.pool.compose(capacity: origin.count + path.count * 3) {
        $0.append(origin)
        $0.append(escapingPath: path)
    }
    return .status(status)
}

/// Answers with a look-up's status and what it says with it.
private func propagate(_ found: Request, to request: Request) -> Status {
    copy(found.headersOut, to: request.headersOut)
    copy(found.errorHeadersOut, to: request.errorHeadersOut)
    copy(found.notes, to: request.notes)
    return .status(Int32(found.status))
}

private func copy(_ from: HeaderFields, to: HeaderFields) {
    for index in 0..<from.count {
        if let (name, value) = from.at(index) { to.add(name, value) }
    }
}

/// Tells who makes a listing, or an error page, what has been looked for.
private func noteNames(of conf: UnsafePointer<DirectoryConf>, on request: Request) {
    let names = conf.pointee.indexes
    guard conf.pointee.hasIndexes else {
        request.notes["dir-index-names"] = DirectoryConf.defaultIndex
        return
    }
    guard !names.isEmpty else { return }
    let size = names.elements.reduce(0) { $0 + $1.count + 2 }
    request.notes["dir-index-names"] = request.pool.compose(capacity: size) { writer in
        for (index, name) in names.elements.enumerated() {
            if index > 0 { writer.append(", ") }
            writer.append(name)
        }
    }
}
