import Glibc
import ModuleKit

extension Run {
    /// The value of a variable; none when it has none.
    mutating func value(of variable: Variable) throws -> Bytes {
        switch variable {
        case .header(let name): return header(name)
        case .fact(.requestFilename): return state.uri
        case .fact(.queryString): return state.query
        case .fact(.pathInfo): return state.pathInfo
        case .fact(.scriptUser): return try owner(isGroup: false)
        case .fact(.scriptGroup): return try owner(isGroup: true)
        case .lookAhead(let kind, let inner, let name): return try lookAhead(kind, inner.pointee, name)
        default: return module.value(of: variable, in: request)
        }
    }

    /// Known when the request's file is.
    private func owner(isGroup: Bool) throws -> Bytes {
        request.fileType == APUS_FILE_NONE ? FileOwner.unknown : try owner(of: request.filename, isGroup: isGroup)
    }

    private mutating func header(_ name: Bytes) -> Bytes {
        guard let value = request.headersIn[name] else { return .none }
        // An answer always depends on Host, so Vary does not say so (RFC 9110, 12.5.5).
        if !name.equalsIgnoringCase("Host") { asked.append(name, in: pool) }
        return value
    }

    /// What a variable will be when the request has gone through all phases.
    private mutating func lookAhead(_ kind: Variable.LookAhead, _ variable: Variable, _ name: Bytes) throws -> Bytes {
        guard mayAsk, !subject.isEmpty else { return .none }
        let target: Bytes
        let isFile: Bool
        if kind == .file, directory.isSet, subject[0] != slash {
            target = pool.join(directory, subject)
            isFile = true
        } else {
            target = kind == .url && directory.isSet ? urlPath : subject
            isFile = kind == .file && !directory.isSet
        }
        guard let sub = isFile ? module.lookUp(file: target, for: request) : try? request.lookup(target) else {
            return .none
        }
        defer { sub.destroy() }
        let found = module.value(of: variable, in: sub)
        let value = found.isSet ? pool.copy(found) : .none
        trace.line(5, "lookahead: path=\(target.string) var=\(name.string) -> val=\(value.string)")
        return value
    }

    /// The URL-path of what is matched in a directory.
    private var urlPath: Bytes {
        if subject[0] == slash { return subject }
        let base = request.confPointer(RewriteDirConf.self).pointee.base
        return pool.join(base.isSet ? base : directory, subject)
    }

    /// Asking about a request that is what is being asked about already would never end.
    var mayAsk: Bool {
        guard let main = request.main else { return true }
        return main.path != request.path || main.filename != request.filename
    }
}

private let slash = UInt8(ascii: "/")

extension HeaderFields {
    /// Rules that set "proto" and ask for "PROTO" are common: to httpd they are the same.
    func value(ignoringCaseOf name: Bytes) -> Bytes? {
        for index in 0..<count {
            if let field = at(index), field.name.equalsIgnoringCase(name) { return field.value }
        }
        return nil
    }

    func removeAll(ignoringCaseOf name: Bytes) {
        while let index = (0..<count).first(where: { at($0)?.name.equalsIgnoringCase(name) == true }), let field = at(index) {
            self[field.name] = nil
        }
    }
}

extension Bytes {
    func hasSuffix(_ literal: StaticString) -> Bool { hasSuffix(Bytes(literal)) }
}

extension RewriteProcess {
    /// The value of a variable that does not depend on how far the rules have come.
    func value(of variable: Variable, in request: Request) -> Bytes {
        switch variable {
        case .header(let name): request.headersIn[name] ?? .none
        case .environment(let name): environment(name, request)
        case .tls(let name): tls(name, request)
        case .field(let field): request.get(field)
        case .time(let part): time(part, request)
        case .fact(let fact): value(of: fact, in: request)
        case .lookAhead, .unknown: .none
        }
    }

    private func environment(_ name: Bytes, _ request: Request) -> Bytes {
        if let note = request.notes[name] { return note }
        let environment = request.environment
        if let value = environment[name] ?? environment.value(ignoringCaseOf: name) { return value }
        // The process's own environment: names of the configuration only, never of a client.
        let terminated = request.pool.copy(name)
        guard let text = terminated.ptr, let value = getenv(text) else { return .none }
        return Bytes(cString: value)
    }

    private func tls(_ name: Bytes, _ request: Request) -> Bytes {
        guard let (table, ctx) = tlsVariables, let read = table.pointee.value else { return .none }
        return read(ctx, request.raw, name)
    }

    private func value(of fact: Variable.Fact, in request: Request) -> Bytes {
        switch fact {
        case .requestFilename: request.filename
        case .requestURI: request.path
        case .queryString: request.query
        case .pathInfo: request.pathInfo
        case .theRequest: request.requestLine
        case .remoteHost: request.peerName
        case .remotePort: decimal(request.peerPort, request)
        case .remoteIdent: .none
        case .connectionAddress: request.connection.peerAddress
        case .serverAddress: request.connection.localAddress
        case .isIPv6: request.peerAddress.contains(UInt8(ascii: ":")) ? Bytes("on") : Bytes("off")
        case .serverName: request.hostName.isEmpty ? request.server.name : request.hostName
        case .serverPort: port(of: request)
        case .serverAdmin: request.server.admin
        case .serverSoftware: software
        case .documentRoot: request.server.documentRoot
        case .contextPrefix: request.get(APUS_R_CONTEXT_PREFIX)
        case .contextDocumentRoot: contextRoot(of: request)
        case .scriptUser: owner(of: request, isGroup: false)
        case .scriptGroup: owner(of: request, isGroup: true)
        case .isSubrequest: request.isSubrequest ? Bytes("true") : Bytes("false")
        case .https: request.connection.isSecure ? Bytes("on") : Bytes("off")
        case .apiVersion: version
        }
    }

    private func contextRoot(of request: Request) -> Bytes {
        let root = request.get(APUS_R_LOCAL_ROOT)
        return root.isSet ? root : request.server.documentRoot
    }

    /// The port of this server's URLs, as the client knows it.
    private func port(of request: Request) -> Bytes {
        let origin = request.origin
        let authority = origin.from((origin.firstIndex(of: UInt8(ascii: ":")) ?? 0) + 3)
        if let colon = authority.lastIndex(of: UInt8(ascii: ":")), !authority.hasSuffix("]") {
            return authority.from(colon + 1)
        }
        return request.connection.isSecure ? Bytes("443") : Bytes("80")
    }

    private func owner(of request: Request, isGroup: Bool) -> Bytes {
        let name = request.fileType == APUS_FILE_NONE ? nil : FileOwner.name(of: request.pool.copy(request.filename), isGroup: isGroup)
        return name.map { request.pool.copy($0) } ?? FileOwner.unknown
    }

    private func decimal(_ number: Int, _ request: Request) -> Bytes {
        request.pool.compose(capacity: 20) { $0.append(decimal: Int64(number)) }
    }

    private func time(_ part: Variable.TimePart, _ request: Request) -> Bytes {
        var seconds = time_t(host.clock / 1_000_000)
        var now = tm()
        localtime_r(&seconds, &now)
        let year = Int(now.tm_year) + 1900
        let month = Int(now.tm_mon) + 1
        return request.pool.compose(capacity: 16) { writer in
            switch part {
            case .year: writer.append(decimal: year, width: 4)
            case .month: writer.append(decimal: month, width: 2)
            case .day: writer.append(decimal: Int(now.tm_mday), width: 2)
            case .hour: writer.append(decimal: Int(now.tm_hour), width: 2)
            case .minute: writer.append(decimal: Int(now.tm_min), width: 2)
            case .second: writer.append(decimal: Int(now.tm_sec), width: 2)
            case .weekday: writer.append(decimal: Int64(now.tm_wday))
            case .all:
                writer.append(decimal: year, width: 4)
                for value in [Int32(month), now.tm_mday, now.tm_hour, now.tm_min, now.tm_sec] {
                    writer.append(decimal: Int(value), width: 2)
                }
            }
        }
    }
}
