import ModuleKit

/// Sets and removes the variables of the conditions that hold.
/// - Parameter isEarly: before the path has been taken apart: then Request_URI is what the client wrote, as in httpd.
func apply(_ conf: UnsafePointer<ConditionsConf>, to request: Request, isEarly: Bool) {
    guard !conf.pointee.conditions.isEmpty else { return }
    withUnsafeTemporaryAllocation(of: Int64.self, capacity: 20) { spans in
        for condition in conf.pointee.conditions.elements {
            guard let matched = condition.matched(request, spans, isEarly) else { continue }
            for change in condition.changes.elements { make(change, request, matched, spans) }
        }
    }
}

private func make(
    _ change: Change, _ request: Request, _ matched: Bytes, _ spans: UnsafeMutableBufferPointer<Int64>
) {
    request.environment[change.name] =
        change.value.isSet
        ? Pattern.fill(change.value, from: matched, spans: spans, in: request.pool) : nil
}

extension Condition {
    /// What was held against the pattern, whose groups are in `spans`; nil: it does not hold.
    fileprivate func matched(_ request: Request, _ spans: UnsafeMutableBufferPointer<Int64>, _ isEarly: Bool) -> Bytes? {
        if case .expression(let expression) = subject {
            var held = Bytes.none
            return expression.match(request, subject: &held, spans: spans) == true ? held : nil
        }
        let value = subject.value(request, isEarly)
        return pattern?.match(value, spans: spans) == true ? value : nil
    }
}

extension Subject {
    /// What is not there is empty, so that `^$` can ask for that.
    fileprivate func value(_ request: Request, _ isEarly: Bool) -> Bytes {
        let value: Bytes =
            switch self {
            // Names of clients are not looked up, so a host is known by its address.
            case .remoteHost, .remoteAddress: request.peerAddress
            case .serverAddress: request.connection.localAddress
            case .requestMethod: request.method
            case .requestProtocol: request.protocolName
            case .requestURI: isEarly ? request.writtenPath : request.path
            case .named(let name): request.headersIn[name] ?? request.environment[name] ?? .none
            case .matching(let pattern): lastField(of: request, pattern)
            case .expression: .none
            }
        return value.isSet ? value : Bytes("")
    }

    private func lastField(of request: Request, _ pattern: Pattern) -> Bytes {
        for index in (0..<request.headersIn.count).reversed() {
            if let field = request.headersIn.at(index), pattern.matches(field.name) { return field.value }
        }
        return .none
    }
}

extension Request {
    /// The path of the target as the client wrote it.
    fileprivate var writtenPath: Bytes {
        var path = target
        if !path.hasPrefix("/"), let mark = path.firstIndex(of: UInt8(ascii: ":")), path.from(mark).hasPrefix("://") {
            guard let slash = path.firstIndex(of: UInt8(ascii: "/"), from: mark + 3) else { return Bytes("/") }
            path = path.from(slash)
        }
        while path.hasPrefix("//") { path = path.from(1) }
        return path.firstIndex(of: UInt8(ascii: "?")).map { path.upTo($0) } ?? path
    }
}
