import ModuleKit

extension Run {
    /// Does what a rule says whose pattern and conditions hold.
    @inline(__always)
    mutating func carryOut(_ rule: UnsafePointer<Rule>) throws {
        if rule.pointee.flagsMayWait { try applyUnlessWaiting(rule) } else { try apply(rule) }
    }

    /// A run that waits comes to the rule again, and must find all as it was. Only cookies stay: each is set once.
    @inline(never)
    private mutating func applyUnlessWaiting(_ rule: UnsafePointer<Rule>) throws {
        let before = state
        let environment = request.environment
        let variables = (0..<environment.count).compactMap { environment.at($0) }
        do {
            try apply(rule)
        } catch Interruption.waiting {
            state = before
            environment.removeAll()
            for (name, value) in variables { environment.add(name, value) }
            throw Interruption.waiting
        }
    }

    private mutating func apply(_ rule: UnsafePointer<Rule>) throws {
        let flags = rule.pointee.flags
        var mark = QuestionMark.none
        var target = Bytes.none
        trace.line(8, rule, "the rule applies: \(rule.pointee.text.string) \(rule.pointee.output.string) \(rule.pointee.flagText.string)")
        if !flags.contains(.noSubstitution) {
            target = try expand(rule.pointee.substitution, escapingFor: rule, noting: &mark)
            trace.line(2, rule, "rewrite '\(subject.string)' -> '\(target.string)'")
        }
        for variable in rule.pointee.environment.elements { setVariable(try expand(variable)) }
        for cookie in rule.pointee.cookies.elements { try Cookie.add(try expand(cookie), to: request, trace) }
        if flags.contains(.noSubstitution) {
            try rememberTypes(rule)
        } else {
            try refuseUnsafe(rule, mark)
            try substitute(target, rule)
        }
        noteVary()
        try refuseGrowth(rule)
        if flags.contains(.status) {
            trace.line(2, rule, "forcing responsecode \(rule.pointee.status) for \(state.uri.string)")
            throw Interruption.answered(rule.pointee.status)
        }
    }

    private mutating func substitute(_ target: Bytes, _ rule: UnsafePointer<Rule>) throws {
        let flags = rule.pointee.flags
        state.lastRule = rule
        trace.line(2, rule, "setting lastsub to rule with output \(rule.pointee.output.string)")
        state.change = flags.contains(.noEscape) ? .changedWithoutEscaping : .changed
        state.uri = target
        if directory.isSet, flags.contains(.discardPathInfo) { state.pathInfo = .none }
        splitQuery(rule)
        addDirectory(rule)
        subjectIsOld = true
        if flags.contains(.proxy) { return sendToProxy(rule) }
        if flags.contains(.redirect) {
            qualify()
            trace.line(2, rule, "explicitly forcing redirect with \(state.uri.string)")
            state.status = rule.pointee.status
            return
        }
        reduce()
        if state.uri.schemeLength != nil {
            trace.line(
                2, rule, "implicitly forcing redirect (rc=\(rule.pointee.status)) with \(state.uri.string)")
            state.status = rule.pointee.status
            return
        }
        try rememberTypes(rule)
    }

    /// A query begins where the rule says so: a question mark that came with a value would make syntax of what a client sends.
    private func refuseUnsafe(_ rule: UnsafePointer<Rule>, _ mark: QuestionMark) throws {
        guard mark == .expanded, !rule.pointee.flags.contains(.unsafeAllow3F) else { return }
        module.log.write(
            .error, code: "AH10508", request: request,
            "Unsafe URL with %3f URL rewritten without UnsafeAllow3F (\(rule.pointee.place.string))")
        throw Interruption.answered(403)
    }

    /// A rule that lets the path grow with each round is stopped at twice what a request line may have.
    private func refuseGrowth(_ rule: UnsafePointer<Rule>) throws {
        let limit = 2 * Run.requestLineLimit
        guard state.uri.count > limit else { return }
        module.log.write(
            .error, code: "APUS2902", request: request,
            "RewriteRule '\(rule.pointee.text.string)' and URI '\(request.path.string)' exceeded maximum length"
                + " (\(limit)) (\(rule.pointee.place.string))")
        throw Interruption.answered(500)
    }

    private static var requestLineLimit: Int { 8190 }

    /// Cuts the query off what was substituted.
    private mutating func splitQuery(_ rule: UnsafePointer<Rule>) {
        let flags = rule.pointee.flags
        if state.uri.isURLWithoutQuery {
            state.query = .none
            return
        }
        if flags.contains(.queryDiscard) {
            state.query = .none
            trace.line(2, rule, "discarding query string")
        }
        let mark = UInt8(ascii: "?")
        guard let at = flags.contains(.queryLast) ? state.uri.lastIndex(of: mark) : state.uri.firstIndex(of: mark)
        else { return }
        let whole = state.uri
        let query = whole.from(at + 1)
        let hadQuery = !state.query.isEmpty
        state.uri = whole.upTo(at)
        if flags.contains(.queryAppend) {
            state.query = joinedQuery(query)
        } else {
            state.query = query
        }
        // As if a query that is not there had been appended, too.
        let isComplete = flags.contains(.queryAppend) && !hadQuery
        if !isComplete, state.query.hasSuffix("&") { state.query = state.query.upTo(state.query.count - 1) }
        if state.query.isEmpty { state.query = .none }
        trace.line(
            3, rule,
            "split uri=\(whole.string) -> uri=\(state.uri.string),"
                + " args=\(state.query.isSet ? state.query.string : "<none>")")
    }

    private func joinedQuery(_ query: Bytes) -> Bytes {
        if query.isEmpty { return state.query }
        return state.query.isEmpty ? query : pool.join(query, Bytes("&"), state.query)
    }

    /// What a rule makes is below its directory, or the root of a server, unless it is a path or a URL.
    private mutating func addDirectory(_ rule: UnsafePointer<Rule>) {
        guard !state.goesToProxy, !state.uri.hasPrefix("/"), state.uri.schemeLength == nil else { return }
        guard directory.isSet else {
            trace.line(3, rule, "add root prefix: \(state.uri.string) -> /\(state.uri.string)")
            state.uri = pool.join(Bytes("/"), state.uri)
            return
        }
        let whole = pool.join(directory, state.uri)
        trace.line(3, rule, "add per-dir prefix: \(state.uri.string) -> \(whole.string)")
        state.uri = whole
    }

    private mutating func sendToProxy(_ rule: UnsafePointer<Rule>) {
        if directory.isSet, !rule.pointee.flags.contains(.noEscape) {
            let old = state.uri
            state.uri = old.escapedPath(in: pool)
            trace.line(2, rule, "escaped URI in per-dir context for proxy, \(old.string) -> \(state.uri.string)")
        }
        qualify()
        trace.line(2, rule, "forcing proxy-throughput with \(state.uri.string)")
        state.goesToProxy = true
    }

    /// Makes a path a URL of this server.
    private mutating func qualify() {
        guard state.uri.schemeLength == nil, request.method != "CONNECT" else { return }
        let origin = request.origin
        state.uri = state.uri.hasPrefix("/") ? pool.join(origin, state.uri) : pool.join(origin, Bytes("/"), state.uri)
    }

    /// Makes a URL of this server a path.
    private mutating func reduce() {
        let scheme = request.scheme
        guard state.uri.count > scheme.count + 3, state.uri.upTo(scheme.count).equalsIgnoringCase(scheme),
            state.uri.from(scheme.count).hasPrefix("://")
        else { return }
        let rest = state.uri.from(scheme.count + 3)
        let slash = rest.firstIndex(of: UInt8(ascii: "/")) ?? rest.count
        let authority = rest.upTo(slash)
        let colon = authority.firstIndex(of: UInt8(ascii: ":")) ?? authority.count
        let port = colon < authority.count ? authority.from(colon + 1).leadingNumber : request.connection.isSecure ? 443 : 80
        guard request.isOwnHost(authority.upTo(colon), port: port) else { return }
        let path = slash < rest.count ? rest.from(slash) : Bytes("/")
        trace.line(3, "reduce \(state.uri.string) -> \(path.string)")
        state.uri = path
        state.wasReduced = true
    }

    // MARK: Side effects

    /// E: "name:value", "name" or "!name".
    private func setVariable(_ text: Bytes) {
        if text.hasPrefix("!") {
            request.environment.removeAll(ignoringCaseOf: text.from(1))
            trace.line(5, "unsetting env variable '\(text.from(1).string)'")
            return
        }
        let colon = text.firstIndex(of: UInt8(ascii: ":")) ?? text.count
        let value = text.from(min(colon + 1, text.count))
        request.environment[text.upTo(colon)] = value
        trace.line(5, "setting env variable '\(text.upTo(colon).string)' to '\(value.string)'")
    }

    /// T and H take effect when the file is known; see `forceTypes`.
    private mutating func rememberTypes(_ rule: UnsafePointer<Rule>) throws {
        if !rule.pointee.type.isEmpty {
            let type = try expand(rule.pointee.type).lowercased(in: pool)
            if !type.isEmpty {
                trace.line(2, rule, "remember \(state.uri.string) to have MIME-type '\(type.string)'")
                request.notes["rewrite-forced-mimetype"] = type
            }
        }
        if !rule.pointee.handler.isEmpty {
            let handler = try expand(rule.pointee.handler).lowercased(in: pool)
            if !handler.isEmpty {
                trace.line(2, rule, "remember \(state.uri.string) to have Content-handler '\(handler.string)'")
                request.notes["rewrite-forced-handler"] = handler
            }
        }
    }

    /// The answer depends on the header fields that the conditions asked for.
    private func noteVary() {
        for name in vary.elements where !isInVary(name) {
            let before = request.headersOut["Vary"] ?? .none
            request.headersOut["Vary"] = before.isEmpty ? name : pool.join(before, Bytes(","), name)
        }
    }

    private func isInVary(_ name: Bytes) -> Bool {
        guard var rest = request.headersOut["Vary"] else { return false }
        while !rest.isEmpty {
            let comma = rest.firstIndex(of: UInt8(ascii: ",")) ?? rest.count
            if rest.upTo(comma).trimmed.equalsIgnoringCase(name) { return true }
            rest = rest.from(min(comma + 1, rest.count))
        }
        return false
    }
}

extension Bytes {
    func lowercased(in pool: Pool) -> Bytes {
        pool.compose(capacity: count) { for byte in buffer { $0.append(byte.asciiLowercased) } }
    }
}
