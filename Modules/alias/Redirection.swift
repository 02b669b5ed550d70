import ModuleKit

/// Where a redirect leads; no URL: its status is the whole answer.
struct Destination {
    var url: Bytes
    var status: Int32
}

/// The fixups hook: redirects of directories and .htaccess files, which are known by now.
func redirectByDirectory(_ request: Request, log: Log) throws -> Status {
    let section = request.confPointer(AliasDirConf.self)
    guard section.pointee.hasOwnRedirect || !section.pointee.redirects.isEmpty else { return .declined }
    guard
        let found = ownRedirect(of: section, request)
            ?? redirect(for: request.path, among: section.pointee.redirects, request.pool)
    else { return .declined }
    return send(found, request, relative: section.pointee.sendsRelative == .on, log)
}

/// The redirect of a section as a whole.
func ownRedirect(of section: UnsafePointer<AliasDirConf>, _ request: Request) -> Destination? {
    guard section.pointee.hasOwnRedirect else { return nil }
    let entry = section.pointee.ownRedirect
    guard let expression = entry.expression else { return Destination(url: entry.target, status: entry.status) }
    guard let url = expression.text(request) else { return Destination(url: .none, status: 500) }
    return Destination(url: url.escapedURL(in: request.pool), status: entry.status)
}

extension Bytes {
    /// A URL that was put together of what a client sent: bytes that no URL may hold are escaped, escapes stay.
    fileprivate func escapedURL(in pool: Pool) -> Bytes {
        pool.compose(capacity: count * 3) { writer in
            for index in 0..<count {
                let byte = self[index]
                if Bytes("%?#[]").contains(byte) { writer.append(byte) } else { writer.append(escapingPath: self[index..<index + 1]) }
            }
        }
    }
}

/// The first redirect that matches the path.
func redirect(for path: Bytes, among redirects: PoolArray<RedirectEntry>, _ pool: Pool) -> Destination? {
    for index in 0..<redirects.count {
        let entry = redirects.elements.baseAddress.unsafelyUnwrapped + index
        if let pattern = entry.pointee.pattern {
            let url = pattern.matching(path) {
                entry.pointee.template.filled(path, $0, escaping: true, in: pool)
            }
            if let url { return Destination(url: url, status: entry.pointee.status) }
        } else if let end = path.matched(by: entry.pointee.path) {
            return Destination(
                url: extended(entry.pointee.target, path.from(end), pool), status: entry.pointee.status)
        }
    }
    return nil
}

/// The target with what followed the matched path.
private func extended(_ target: Bytes, _ rest: Bytes, _ pool: Pool) -> Bytes {
    guard !rest.isEmpty, target.isSet else { return target }
    return pool.compose(capacity: target.count + rest.count * 3) {
        $0.append(target)
        $0.append(escapingPath: rest)
    }
}

/// Answers with a redirect, or with a status alone.
func send(_ found: Destination, _ request: Request, relative: Bool, _ log: Log) -> Status {
    guard 300...399 ~= found.status else { return .status(found.status) }
    let isPath = found.url.hasPrefix("/")
    guard isPath || found.url.isURL else {
        log.write(
            .error, code: "AH00674", request: request,
            "cannot redirect to '\(found.url.string)': neither a URL nor a path that begins with a slash")
        return .status(500)
    }
    request.headersOut["Location"] = location(
        found.url, request, origin: isPath && !relative ? request.origin : .none)
    return .status(found.status)
}

/// The URL with the origin before it and, unless it has a query of its own, the request's query in it. A path
/// that is sent as it stands begins with one slash only: with two it would name a host.
private func location(_ url: Bytes, _ request: Request, origin: Bytes) -> Bytes {
    let query = request.query
    var url = url
    while !origin.isSet, url.hasPrefix("//") { url = url.from(1) }
    let target = url
    return request.pool.compose(capacity: origin.count + target.count + query.count + 1) {
        $0.append(origin)
        guard query.isSet, !target.contains(UInt8(ascii: "?")) else { return $0.append(target) }
        let end = target.firstIndex(of: UInt8(ascii: "#")) ?? target.count
        $0.append(target.upTo(end))
        $0.append(UInt8(ascii: "?"))
        $0.append(query)
        $0.append(target.from(end))
    }
}
