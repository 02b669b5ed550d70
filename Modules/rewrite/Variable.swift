import ModuleKit

/// What a `%{…}` stands for, found once when the rule is read.
enum Variable: BitwiseCopyable, @unchecked Sendable {
    /// A request header field; naming one in a condition adds it to Vary.
    case header(Bytes)
    case environment(Bytes)
    /// A variable of the TLS module.
    case tls(Bytes)
    case lookAhead(LookAhead, UnsafePointer<Variable>, name: Bytes)
    /// A string of the request by its number in apus/request.h.
    case field(UInt32)
    case time(TimePart)
    case fact(Fact)
    /// An unknown name: always empty.
    case unknown

    enum LookAhead: UInt8, BitwiseCopyable {
        case url, file
    }

    enum TimePart: UInt8, BitwiseCopyable {
        case year, month, day, hour, minute, second, weekday, all
    }

    /// What takes more than a look into one table.
    enum Fact: UInt8, BitwiseCopyable {
        case requestFilename, requestURI, queryString, pathInfo, theRequest
        case remoteHost, remotePort, connectionAddress, serverAddress, isIPv6
        case serverName, serverPort, serverAdmin, serverSoftware, documentRoot
        case contextPrefix, contextDocumentRoot
        case scriptUser, scriptGroup, remoteIdent
        case isSubrequest, https, apiVersion
    }

    /// The variable of a name, which is what stands between the braces.
    init(_ name: Bytes, in pool: Pool) {
        if name.hasPrefixIgnoringCase("ENV:"), name.count > 4 {
            self = .environment(pool.copy(name.from(4)))
        } else if name.hasPrefixIgnoringCase("SSL:"), name.count > 4 {
            self = .tls(pool.copy(name.from(4)))
        } else if name.hasPrefixIgnoringCase("HTTP:"), name.count > 5 {
            self = .header(pool.copy(name.from(5)))
        } else if name.hasPrefixIgnoringCase("LA-U:"), name.count > 5 {
            self = .ahead(.url, name.from(5), in: pool)
        } else if name.hasPrefixIgnoringCase("LA-F:"), name.count > 5 {
            self = .ahead(.file, name.from(5), in: pool)
        } else {
            self = Self.known.first { name.equalsIgnoringCase($0.name) }?.variable ?? .unknown
        }
    }

    private static func ahead(_ kind: LookAhead, _ name: Bytes, in pool: Pool) -> Variable {
        let place = pool.allocate(Variable.self)
        place.initialize(to: Variable(name, in: pool))
        return .lookAhead(kind, UnsafePointer(place), name: pool.copy(name))
    }

    private static let known: [(name: StaticString, variable: Variable)] = [
        ("HTTP_ACCEPT", .header(Bytes("Accept"))),
        ("HTTP_COOKIE", .header(Bytes("Cookie"))),
        ("HTTP_FORWARDED", .header(Bytes("Forwarded"))),
        ("HTTP_HOST", .header(Bytes("Host"))),
        ("HTTP_PROXY_CONNECTION", .header(Bytes("Proxy-Connection"))),
        ("HTTP_REFERER", .header(Bytes("Referer"))),
        ("HTTP_USER_AGENT", .header(Bytes("User-Agent"))),
        ("AUTH_TYPE", .field(APUS_R_AUTH_TYPE)),
        ("REMOTE_ADDR", .field(APUS_R_PEER_ADDRESS)),
        ("REMOTE_USER", .field(APUS_R_USER)),
        ("REQUEST_METHOD", .field(APUS_R_METHOD)),
        ("REQUEST_SCHEME", .field(APUS_R_SCHEME)),
        ("SERVER_PROTOCOL", .field(APUS_R_PROTOCOL)),
        ("REQUEST_URI", .fact(.requestURI)),
        ("REQUEST_FILENAME", .fact(.requestFilename)),
        ("SCRIPT_FILENAME", .fact(.requestFilename)),
        ("QUERY_STRING", .fact(.queryString)),
        ("PATH_INFO", .fact(.pathInfo)),
        ("THE_REQUEST", .fact(.theRequest)),
        ("CONN_REMOTE_ADDR", .fact(.connectionAddress)),
        ("REMOTE_HOST", .fact(.remoteHost)),
        ("REMOTE_PORT", .fact(.remotePort)),
        ("REMOTE_IDENT", .fact(.remoteIdent)),
        ("SERVER_ADDR", .fact(.serverAddress)),
        ("SERVER_NAME", .fact(.serverName)),
        ("SERVER_PORT", .fact(.serverPort)),
        ("SERVER_ADMIN", .fact(.serverAdmin)),
        ("SERVER_SOFTWARE", .fact(.serverSoftware)),
        ("DOCUMENT_ROOT", .fact(.documentRoot)),
        ("CONTEXT_PREFIX", .fact(.contextPrefix)),
        ("CONTEXT_DOCUMENT_ROOT", .fact(.contextDocumentRoot)),
        ("SCRIPT_USER", .fact(.scriptUser)),
        ("SCRIPT_GROUP", .fact(.scriptGroup)),
        ("IS_SUBREQ", .fact(.isSubrequest)),
        ("IPV6", .fact(.isIPv6)),
        ("HTTPS", .fact(.https)),
        ("API_VERSION", .fact(.apiVersion)),
        ("TIME_YEAR", .time(.year)),
        ("TIME_MON", .time(.month)),
        ("TIME_DAY", .time(.day)),
        ("TIME_HOUR", .time(.hour)),
        ("TIME_MIN", .time(.minute)),
        ("TIME_SEC", .time(.second)),
        ("TIME_WDAY", .time(.weekday)),
        ("TIME", .time(.all)),
    ]
}
