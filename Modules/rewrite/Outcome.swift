import Glibc
import ModuleKit

/// How a run ends that changed something: what the rules of servers and directories have in common.
extension Run {
    /// What logs show of a request that goes no further: how far the rules have come with it.
    func leaveTraces() {
        request.filename = state.goesToProxy ? pool.join(Bytes("proxy:"), state.uri) : state.uri
        request.query = state.query
    }

    /// A query with controls or spaces that nothing will escape was put together without the flag B.
    func refuseControls(_ code: StaticString) -> Status? {
        let escapes = state.uri.schemeLength != nil && !state.goesToProxy && state.change == .changed
        guard !escapes, state.query.holdsControls else { return nil }
        leaveTraces()
        module.log.write(
            .error, code: code, request: request, "Rewritten query string contains control characters or spaces")
        return .status(403)
    }

    /// No module of this server fetches from others.
    func refuseProxy(_ code: StaticString) -> Status {
        module.log.write(
            .error, code: code, request: request,
            "attempt to make remote request from mod_rewrite without proxy enabled: proxy:\(state.uri.string)")
        leaveTraces()
        return .status(403)
    }

    /// Answers with a redirect to the URL that was substituted.
    func redirect(_ scheme: Int) -> Status {
        let escapes = state.change == .changed
        var url = state.uri
        if escapes {
            trace.line(1, "escaping \(url.string) for redirect")
            url = url.escapedURL(schemeLength: scheme, in: pool)
        }
        if state.query.isSet { url = pool.join(url, Bytes("?"), queryForRedirect(escapes)) }
        let code = 300...399 ~= state.status ? state.status : 302
        trace.line(1, "redirect to \(url.string) [REDIRECT/\(code)]")
        leaveTraces()
        request.filename = url
        request.headersOut["Location"] = url
        guard let location = request.headersOut["Location"], location == url else {
            // NE leaves control characters in; in a field they would end it.
            module.log.write(
                .error, code: "APUS2903", request: request,
                "the URL of a redirect holds control characters: \(url.string)")
            return .status(500)
        }
        return .status(code)
    }

    /// The request's own query is encoded already; any other is escaped as the path is.
    private func queryForRedirect(_ escapes: Bool) -> Bytes {
        let isOwn = request.query.isSet && state.query == request.query
        guard escapes, !isOwn else {
            trace.line(1, "copying \(state.query.string) to query string for redirect")
            return state.query
        }
        let escaped = state.query.escapedPath(in: pool)
        trace.line(1, "escaping \(state.query.string) to query string for redirect \(escaped.string)")
        return escaped
    }

    /// Whether a path is one of the file system rather than a URL-path: its first segment exists there, and the rule, not
    /// the client, says so.
    func namesFile(_ path: Bytes) -> Bool {
        let end = path.firstIndex(of: UInt8(ascii: "/"), from: 1) ?? path.count
        let first = pool.copy(path.upTo(end))
        var info = stat()
        guard let text = first.ptr, !first.contains(0), stat(text, &info) == 0 else { return false }
        guard let rule = state.lastRule else { return true }
        let isSafe = rule.pointee.flags.contains(.unsafePrefixStat)
        trace.line(
            3, rule, "prefix_stat compare statpath \(first.string) and lastsub output \(rule.pointee.output.string)")
        return isSafe || rule.pointee.output.hasPrefix(first) || isBelowRoot(path)
    }
}

extension Run {
    private func isBelowRoot(_ path: Bytes) -> Bool {
        let root = request.server.documentRoot
        guard !root.isEmpty, path.hasPrefix(root) else { return false }
        return root.hasSuffix("/") || path.count == root.count || path[root.count] == UInt8(ascii: "/")
    }
}

/// "/~user" at the beginning of a path: the user's home.
enum HomeDirectory {
    static func expand(_ path: Bytes, in pool: Pool) -> Bytes {
        guard path.hasPrefix("/~") else { return path }
        let end = path.firstIndex(of: UInt8(ascii: "/"), from: 2) ?? path.count
        let name = pool.copy(path[2..<end])
        guard !name.isEmpty, !name.contains(0), let text = name.ptr, let user = getpwnam(text),
            let directory = user.pointee.pw_dir
        else { return path }
        var home = pool.copy(Bytes(cString: directory))
        if end < path.count, home.hasSuffix("/") { home = home.upTo(home.count - 1) }
        return pool.join(home, path.from(end))
    }
}
