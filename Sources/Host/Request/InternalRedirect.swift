import ByteKit
import Glibc
import ModuleABI

/// Requests inside the server: one in place of another, or one asked about for another.
enum InternalRedirect {
    /// A request for `target` in place of `r`. Nil: there have been too many, or the target is no path.
    static func make(_ r: Request.Ref, to target: Bytes) -> Request.Ref? {
        let limit = r.pointee.server.pointee.limits.internalRedirects
        guard r.pointee.redirects < limit else {
            ErrorLog.write(
                .error, code: "AH00124", request: r,
                "more than \(limit) internal redirects for one request (LimitInternalRecursion): a rule or an error page leads back to itself")
            return nil
        }
        guard let new = derive(from: r, target) else { return nil }
        new.pointee.previous = r
        new.pointee.redirects = r.pointee.redirects + 1
        new.pointee.nesting = r.pointee.nesting
        new.pointee.body = r.pointee.body
        if !new.pointee.isHead {
            new.pointee.method = Bytes("GET")
            new.pointee.methodKind = .get
        }
        r.pointee.conn.pointee.request = new
        return new
    }

    /// A request with r's head and another target.
    static func derive(from r: Request.Ref, _ target: Bytes) -> Request.Ref? {
        let new = r.pointee.arena.allocate(Request.self)
        new.initialize(
            to: Request(conn: r.pointee.conn, server: r.pointee.server, arena: r.pointee.arena, startTime: r.pointee.startTime))
        new.pointee.method = r.pointee.method
        new.pointee.methodKind = r.pointee.methodKind
        new.pointee.isHead = r.pointee.isHead
        new.pointee.isHTTP11 = r.pointee.isHTTP11
        new.pointee.target = r.pointee.arena.copy(target)
        new.pointee.requestLine = r.pointee.requestLine
        new.pointee.protocolName = r.pointee.protocolName
        new.pointee.host = r.pointee.host
        new.pointee.port = r.pointee.port
        new.pointee.framing = r.pointee.framing
        new.pointee.headersIn = r.pointee.headersIn
        new.pointee.peerAddress = r.pointee.peerAddress
        new.pointee.consumedBefore = r.pointee.consumedBefore
        new.pointee.isExplain = r.pointee.isExplain
        new.pointee.epoch = r.pointee.epoch
        let mark = new.pointee.target.firstIndex(of: 0x3f)
        let path = mark.map { new.pointee.target.upTo($0) } ?? new.pointee.target
        if let mark { new.pointee.query = new.pointee.target.from(mark + 1) }
        do throws(HeadProblem) {
            let absolute = path.isEmpty || path[0] != 0x2f ? besides(r, path) : path
            new.pointee.path = try RequestTarget.normalize(absolute, in: r.pointee.arena, r.pointee.server.pointee.limits)
            try SectionWalk.locations(new)
        } catch {
            return nil
        }
        return new
    }

    /// A relative target stands beside the request's own path.
    private static func besides(_ r: Request.Ref, _ path: Bytes) -> Bytes {
        let slash = r.pointee.path.lastIndex(of: 0x2f) ?? 0
        return r.pointee.arena.join(r.pointee.path.upTo(slash + 1), path)
    }

    /// What an error page can know of the failed request: the REDIRECT_ variables.
    static func describe(_ page: Request.Ref, from r: Request.Ref, _ status: Int32) {
        let arena = page.pointee.arena
        var writer = ByteWriter(arena.pointee.allocate(16), capacity: 16)
        writer.append(decimal: Int64(status))
        page.pointee.environment.set(Bytes("REDIRECT_STATUS"), writer.written, arena)
        page.pointee.environment.set(Bytes("REDIRECT_URL"), r.pointee.path, arena)
        if r.pointee.query.isSet { page.pointee.environment.set(Bytes("REDIRECT_QUERY_STRING"), r.pointee.query, arena) }
        for field in r.pointee.environment.fields {
            page.pointee.environment.append(Field(name: arena.join(Bytes("REDIRECT_"), field.name), value: field.value), arena)
        }
    }

    /// A request asked about: what it would be, without its handler.
    static func lookup(_ r: Request.Ref, _ target: Bytes) -> Request.Ref? {
        derive(from: r, target).map { ask($0, for: r) }
    }

    /// The same for a file by its name, absolute or relative to the directory of r's: no path of a URL leads to it.
    static func lookup(file name: Bytes, for r: Request.Ref) -> Request.Ref? {
        guard !name.isEmpty, !name.contains(0), let sub = derive(from: r, Bytes("/")) else { return nil }
        let directory = r.pointee.filename.upTo((r.pointee.filename.lastIndex(of: 0x2f) ?? -1) + 1)
        let file = name[0] == 0x2f ? r.pointee.arena.copy(name) : r.pointee.arena.join(directory, name)
        guard !file.isEmpty, file[0] == 0x2f else { return nil }
        sub.pointee.path = Bytes("")
        sub.pointee.conf = UnsafePointer(r.pointee.server.pointee.dirConf)
        sub.pointee.filename = file
        sub.pointee.step = .mapToStorage
        return ask(sub, for: r)
    }

    /// Runs a sub-request's phases but for its handler.
    private static func ask(_ sub: Request.Ref, for r: Request.Ref) -> Request.Ref {
        sub.pointee.main = r
        sub.pointee.method = Bytes("GET")
        sub.pointee.methodKind = .get
        sub.pointee.nesting = r.pointee.nesting + 1
        guard sub.pointee.nesting <= r.pointee.server.pointee.limits.subrequests else {
            ErrorLog.write(
                .error, code: "AH00125", request: r,
                "sub-requests are nested more than \(r.pointee.server.pointee.limits.subrequests) deep (LimitInternalRecursion): a file or a rule leads back to itself")
            sub.pointee.status = 500
            return sub
        }
        switch Phases.run(sub, upTo: .fixups) {
        case .finished, .answered: break
        case .waiting:
            // A hook that waits cannot be waited for here: the answer is not known.
            sub.pointee.status = 500
        case .failed(let status): sub.pointee.status = status < 0 ? 500 : status
        }
        return sub
    }

    /// r goes on as the looked-up request: httpd's fast redirect.
    static func adopt(_ r: Request.Ref, _ sub: Request.Ref) {
        r.pointee.path = sub.pointee.path
        r.pointee.filename = sub.pointee.filename
        r.pointee.pathInfo = sub.pointee.pathInfo
        if sub.pointee.query.isSet { r.pointee.query = sub.pointee.query }
        r.pointee.file = sub.pointee.file
        r.pointee.conf = sub.pointee.conf
        r.pointee.handler = sub.pointee.handler
        r.pointee.contentType = sub.pointee.contentType
        r.pointee.contentEncoding = sub.pointee.contentEncoding
        r.pointee.contentLanguage = sub.pointee.contentLanguage
        r.pointee.localRoot = sub.pointee.localRoot
        r.pointee.contextPrefix = sub.pointee.contextPrefix
        let arena = r.pointee.arena
        for field in sub.pointee.headersOut.fields { r.pointee.headersOut.append(field, arena) }
        for field in sub.pointee.errorHeadersOut.fields { r.pointee.errorHeadersOut.append(field, arena) }
        for field in sub.pointee.notes.fields { r.pointee.notes.append(field, arena) }
        for field in sub.pointee.environment.fields { r.pointee.environment.append(field, arena) }
        if let slots = sub.pointee.slots { r.pointee.slots = r.pointee.slots ?? slots }
        if sub.pointee.outputFilters != nil, r.pointee.outputFilters == nil { r.pointee.outputFilters = sub.pointee.outputFilters }
    }
}
