import ByteKit
import Glibc
import ModuleABI

/// Requests inside the server, one in place of another.
enum InternalRedirect {
    /// A request for `target` in place of `r`. Nil: there have been too many, or the target is no path.
    static func make(_ r: Request.Ref, to target: Bytes) -> Request.Ref? {
        guard !isExhausted(r) else {
            let limit = r.pointee.server.pointee.limits.internalRedirects
            ErrorLog.write(
                .error, code: "AH00124", request: r,
                "more than \(limit) internal redirects for one request (LimitInternalRecursion): a rule or an error page leads back to itself")
            return nil
        }
        let new = derive(from: r, in: r.pointee.arena)
        guard aim(new, at: target, from: r) else { return nil }
        new.pointee.previous = r
        new.pointee.redirects = r.pointee.redirects + 1
        if r.pointee.main != nil { SubrequestRun.replace(r, by: new) }
        new.pointee.nesting = r.pointee.nesting
        new.pointee.body = r.pointee.body
        new.pointee.bodySince = r.pointee.bodySince
        new.pointee.response.continueIsSent = r.pointee.response.continueIsSent
        new.pointee.givenBody = r.pointee.givenBody
        new.pointee.errorHeadersOut = r.pointee.errorHeadersOut
        if r.pointee.isInErrorPage {
            // What the page for an error leads to is the page for that error.
            new.pointee.isInErrorPage = true
            new.pointee.status = r.pointee.status
        }
        describe(new, from: r)
        if new.pointee.main == nil { r.pointee.conn.pointee.request = new }
        Telling.begin(new, .redirected)
        return new
    }

    /// A request with r's head.
    static func derive(from r: Request.Ref, in arena: Arena.Ref) -> Request.Ref {
        let new = arena.allocate(Request.self)
        new.initialize(
            to: Request(conn: r.pointee.conn, server: r.pointee.server, arena: arena, startTime: r.pointee.startTime))
        new.pointee.method = r.pointee.method
        new.pointee.methodKind = r.pointee.methodKind
        new.pointee.isHead = r.pointee.isHead
        new.pointee.isHTTP11 = r.pointee.isHTTP11
        new.pointee.requestLine = r.pointee.requestLine
        new.pointee.protocolName = r.pointee.protocolName
        new.pointee.host = r.pointee.host
        new.pointee.port = r.pointee.port
        new.pointee.framing = r.pointee.framing
        new.pointee.headersIn = r.pointee.headersIn.copied(arena)
        new.pointee.peerAddress = r.pointee.peerAddress
        new.pointee.peerPort = r.pointee.peerPort
        new.pointee.consumedBefore = r.pointee.consumedBefore
        new.pointee.telling = r.pointee.telling
        new.pointee.epoch = r.pointee.epoch
        new.pointee.peerName = r.pointee.peerName
        new.pointee.localName = r.pointee.localName
        return new
    }

    /// Gives a derived request its target. False: it is no path.
    static func aim(_ new: Request.Ref, at target: Bytes, from r: Request.Ref) -> Bool {
        let arena = new.pointee.arena
        new.pointee.target = arena.copy(target)
        let mark = new.pointee.target.firstIndex(of: 0x3f)
        let path = mark.map { new.pointee.target.upTo($0) } ?? new.pointee.target
        if let mark { new.pointee.query = new.pointee.target.from(mark + 1) }
        do throws(HeadProblem) {
            let absolute = path.isEmpty || path[0] != 0x2f ? besides(r, path, arena) : path
            new.pointee.path = try RequestTarget.normalize(absolute, in: arena, r.pointee.server.pointee.limits)
            try SectionWalk.locations(new)
            return true
        } catch {
            return false
        }
    }

    /// A relative target stands beside the request's own path.
    private static func besides(_ r: Request.Ref, _ path: Bytes, _ arena: Arena.Ref) -> Bytes {
        // "*", and what was asked for by the name of a file, have no place in the site.
        guard let slash = r.pointee.path.lastIndex(of: 0x2f), r.pointee.path[0] == 0x2f else { return arena.join(Bytes("/"), path) }
        return arena.join(r.pointee.path.upTo(slash + 1), path)
    }

    /// What a request can know of the one whose place it has taken: the REDIRECT_ variables.
    private static func describe(_ new: Request.Ref, from r: Request.Ref) {
        let arena = new.pointee.arena
        for field in r.pointee.environment.fields {
            new.pointee.environment.append(Field(name: arena.join(Bytes("REDIRECT_"), field.name), value: field.value), arena)
        }
        var writer = ByteWriter(arena.pointee.allocate(16), capacity: 16)
        writer.append(decimal: Int64(r.pointee.status))
        new.pointee.environment.set(Bytes("REDIRECT_STATUS"), writer.written, arena)
        let url = r.core.qualifyRedirectURL == true ? AbsoluteURL.compose(r, r.pointee.path) : r.pointee.path
        new.pointee.environment.set(Bytes("REDIRECT_URL"), url, arena)
        if r.pointee.query.isSet { new.pointee.environment.set(Bytes("REDIRECT_QUERY_STRING"), r.pointee.query, arena) }
    }

    /// What an error page can know besides: it is asked for by GET, whatever the failed request was.
    static func describeError(_ page: Request.Ref, of r: Request.Ref) {
        let arena = page.pointee.arena
        page.pointee.environment.set(Bytes("REDIRECT_REQUEST_METHOD"), r.pointee.method, arena)
        if let notes = r.pointee.notes.first("error-notes") {
            page.pointee.environment.set(Bytes("REDIRECT_ERROR_NOTES"), notes, arena)
        }
    }

    /// Whether there have been as many as LimitInternalRecursion allows.
    static func isExhausted(_ r: Request.Ref) -> Bool {
        r.pointee.redirects >= r.pointee.server.pointee.limits.internalRedirects
    }

    /// A request goes on as another although nothing has failed: what has been said to the client already stays said.
    static func succeed(_ new: Request.Ref, to r: Request.Ref) {
        new.pointee.errorHeadersOut = r.pointee.errorHeadersOut
        if let vary = r.pointee.headersOut.first("Vary") { new.pointee.headersOut.set(Bytes("Vary"), vary, r.pointee.arena) }
    }

    /// r goes on as the looked-up request: httpd's fast redirect.
    static func adopt(_ r: Request.Ref, _ sub: Request.Ref) {
        Lookup.keep(sub)
        r.pointee.path = sub.pointee.path
        r.pointee.filename = sub.pointee.filename
        r.pointee.pathInfo = sub.pointee.pathInfo
        if sub.pointee.query.isSet { r.pointee.query = sub.pointee.query }
        r.pointee.file = sub.pointee.file
        // Its memory, and so its hold, goes with r's.
        r.pointee.openFile = sub.pointee.openFile
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
        // A copy of r's own, with what was added.
        r.pointee.environment = sub.pointee.environment
        if let slots = sub.pointee.slots { r.pointee.slots = r.pointee.slots ?? slots }
        if sub.pointee.outputFilters != nil, r.pointee.outputFilters == nil { r.pointee.outputFilters = sub.pointee.outputFilters }
    }
}
