import ModuleKit

/// How a run ends that changed something: what the rules of servers and directories have in common.
extension Run {
    /// What logs show of a request that goes no further: how far the rules have come with it.
    func leaveTraces() {
        request.filename = state.goesToProxy ? pool.join(Bytes("proxy:"), state.uri) : state.uri
        request.query = state.query
    }

    /// Which rule had the last word, for logs (`%{rewrite-rule}n`) and whoever else asks.
    func noteDecision(of rule: UnsafePointer<Rule>?) {
        if let rule { request.notes["rewrite-rule"] = rule.pointee.place }
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
    func namesFile(_ path: Bytes) throws -> Bool {
        let end = path.firstIndex(of: UInt8(ascii: "/"), from: 1) ?? path.count
        let first = path.upTo(end)
        guard try exists(first) else { return false }
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
        return !root.isEmpty && path.isBelow(root)
    }
}
