import ModuleKit

/// The translate_name hook: redirects first, then aliases, those of the section at hand before those of the
/// server.
func translate(_ request: Request, serverRoot: Bytes, log: Log) throws -> Status {
    let server = request.serverConf(AliasServerConf.self)
    let section = request.confPointer(AliasDirConf.self)
    guard
        !server.pointee.aliases.isEmpty || !server.pointee.redirects.isEmpty || section.pointee.hasOwnRedirect
            || section.pointee.hasOwnAlias
    else { return .declined }
    let path = request.path
    guard path.isEmpty || path[0] == UInt8(ascii: "/") else { return .declined }
    if let found = ownRedirect(of: section, request)
        ?? redirect(for: path, among: server.pointee.redirects, request.pool)
    {
        return send(found, request, relative: section.pointee.sendsRelative == .on, log)
    }
    if section.pointee.hasOwnAlias {
        guard let target = ownTarget(section, path, request, serverRoot) else { return .status(500) }
        return take(target, section.pointee.ownAlias, request, log)
    }
    return alias(path, among: server.pointee.aliases, request, serverRoot: serverRoot, log)
}

private func alias(
    _ path: Bytes, among aliases: PoolArray<AliasEntry>, _ request: Request, serverRoot: Bytes, _ log: Log
) -> Status {
    for index in 0..<aliases.count {
        let entry = aliases.elements.baseAddress.unsafelyUnwrapped + index
        if let pattern = entry.pointee.pattern {
            if let found = target(pattern, entry, path, request.pool, serverRoot: serverRoot) {
                return take(found, entry.pointee, request, log)
            }
        } else if let end = path.matched(by: entry.pointee.path) {
            let found = Target(root: entry.pointee.target, rest: path.from(end), in: request.pool)
            return take(found, entry.pointee, request, log)
        }
    }
    return .declined
}

/// A file name, and the part of it that stands for the matched part of the URL.
private struct Target {
    var file: Bytes
    var root: Bytes

    init(file: Bytes, root: Bytes) {
        self.file = file
        self.root = root
    }

    init(root: Bytes, rest: Bytes, in pool: Pool) {
        self.root = root
        file =
            rest.isEmpty
            ? root
            : pool.compose(capacity: root.count + rest.count) {
                $0.append(root)
                $0.append(rest)
            }
    }
}

/// What a pattern makes of the path. A relative result stands under ServerRoot.
private func target(
    _ pattern: Pattern, _ entry: UnsafePointer<AliasEntry>, _ path: Bytes, _ pool: Pool, serverRoot: Bytes
) -> Target? {
    pattern.matching(path) { spans in
        var file = entry.pointee.template.filled(path, spans, escaping: false, in: pool)
        file = file.absolute(under: serverRoot, in: pool)
        let rest = path.count - Int(spans[1])
        return Target(file: file, root: file.upTo(max(0, file.count - rest)))
    }
}

/// The alias of a <Location>: one file for all of it, unless the rest of the path is to be kept. Nil: what it depends on
/// could not be had.
private func ownTarget(
    _ section: UnsafePointer<AliasDirConf>, _ path: Bytes, _ request: Request, _ serverRoot: Bytes
) -> Target? {
    let entry = section.pointee.ownAlias
    var target = entry.target
    if let expression = entry.expression {
        guard let value = expression.text(request) else { return nil }
        target = value.absolute(under: serverRoot, in: request.pool)
    }
    guard section.pointee.preservesPath == .on, let end = path.matched(by: entry.path) else {
        return Target(file: target, root: target)
    }
    return Target(root: target, rest: path.from(end), in: request.pool)
}

extension Bytes {
    /// A path that is relative stands under a directory.
    fileprivate func absolute(under directory: Bytes, in pool: Pool) -> Bytes {
        guard !hasPrefix("/") else { return self }
        return pool.compose(capacity: directory.count + count + 1) {
            $0.append(directory)
            $0.append(UInt8(ascii: "/"))
            $0.append(self)
        }
    }
}

/// Makes the file the request's. A ".." that only the client can have put together leads out of what the
/// alias is meant to show ("^/a(.*)" and "/a../secret"), so it is refused.
private func take(_ found: Target, _ entry: AliasEntry, _ request: Request, _ log: Log) -> Status {
    guard found.file.climbs <= entry.target.climbs + entry.template.climbs else {
        log.error("the URL would climb out of an alias: \(found.file.string)", request: request)
        return .status(403)
    }
    request.filename = found.file.normalized(in: request.pool)
    request.set(APUS_R_LOCAL_ROOT, found.root.normalized(in: request.pool))
    if entry.pattern == nil, entry.path.isSet { request.set(APUS_R_CONTEXT_PREFIX, entry.path) }
    if entry.handler.isSet {
        request.handler = entry.handler
        request.notes["alias-forced-type"] = entry.handler
    }
    return .ok
}
