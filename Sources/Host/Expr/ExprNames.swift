import ByteKit

/// The variables of the server itself, but for those that are request header fields.
enum ExprVariable: UInt8, BitwiseCopyable, CaseIterable {
    case requestMethod, requestScheme, requestURI, documentURI, requestFilename, scriptFilename, lastModified
    case scriptUser, scriptGroup, pathInfo, queryString, isSubrequest, theRequest
    case remoteAddress, remotePort, remoteHost, remoteUser, remoteIdent
    case serverName, serverPort, serverAdmin, serverProtocol, documentRoot, authType, contentType, handler
    case http2, https, ipv6, requestStatus, requestLogID, connLogID, connRemoteAddress, contextPrefix, contextDocumentRoot
    case timeYear, timeMonth, timeDay, timeHour, timeMinute, timeSecond, timeWeekday, time
    case serverSoftware, apiVersion

    /// Some of them.
    struct Set: BitwiseCopyable {
        private var bits: UInt64 = 0

        func contains(_ variable: ExprVariable) -> Bool { bits >> UInt64(variable.rawValue) & 1 != 0 }
        mutating func insert(_ variable: ExprVariable) { bits |= 1 << UInt64(variable.rawValue) }
    }

    var name: String {
        switch self {
        case .requestMethod: "REQUEST_METHOD"
        case .requestScheme: "REQUEST_SCHEME"
        case .requestURI: "REQUEST_URI"
        case .documentURI: "DOCUMENT_URI"
        case .requestFilename: "REQUEST_FILENAME"
        case .scriptFilename: "SCRIPT_FILENAME"
        case .lastModified: "LAST_MODIFIED"
        case .scriptUser: "SCRIPT_USER"
        case .scriptGroup: "SCRIPT_GROUP"
        case .pathInfo: "PATH_INFO"
        case .queryString: "QUERY_STRING"
        case .isSubrequest: "IS_SUBREQ"
        case .theRequest: "THE_REQUEST"
        case .remoteAddress: "REMOTE_ADDR"
        case .remotePort: "REMOTE_PORT"
        case .remoteHost: "REMOTE_HOST"
        case .remoteUser: "REMOTE_USER"
        case .remoteIdent: "REMOTE_IDENT"
        case .serverName: "SERVER_NAME"
        case .serverPort: "SERVER_PORT"
        case .serverAdmin: "SERVER_ADMIN"
        case .serverProtocol: "SERVER_PROTOCOL"
        case .documentRoot: "DOCUMENT_ROOT"
        case .authType: "AUTH_TYPE"
        case .contentType: "CONTENT_TYPE"
        case .handler: "HANDLER"
        case .http2: "HTTP2"
        case .https: "HTTPS"
        case .ipv6: "IPV6"
        case .requestStatus: "REQUEST_STATUS"
        case .requestLogID: "REQUEST_LOG_ID"
        case .connLogID: "CONN_LOG_ID"
        case .connRemoteAddress: "CONN_REMOTE_ADDR"
        case .contextPrefix: "CONTEXT_PREFIX"
        case .contextDocumentRoot: "CONTEXT_DOCUMENT_ROOT"
        case .timeYear: "TIME_YEAR"
        case .timeMonth: "TIME_MON"
        case .timeDay: "TIME_DAY"
        case .timeHour: "TIME_HOUR"
        case .timeMinute: "TIME_MIN"
        case .timeSecond: "TIME_SEC"
        case .timeWeekday: "TIME_WDAY"
        case .time: "TIME"
        case .serverSoftware: "SERVER_SOFTWARE"
        case .apiVersion: "API_VERSION"
        }
    }
}

/// The functions of one string, but for those that ask for a request header field.
enum ExprFunction: UInt8, BitwiseCopyable, CaseIterable {
    case resp, reqenv, osenv, note, env, noteOrReqenv
    case tolower, toupper, escape, unescape, base64, unbase64, md5, sha1, ldap
    case file, filesize

    var name: String? {
        switch self {
        case .resp: "resp"
        case .reqenv: "reqenv"
        case .osenv: "osenv"
        case .note: "note"
        case .env: "env"
        case .noteOrReqenv: nil
        case .tolower: "tolower"
        case .toupper: "toupper"
        case .escape: "escape"
        case .unescape: "unescape"
        case .base64: "base64"
        case .unbase64: "unbase64"
        case .md5: "md5"
        case .sha1: "sha1"
        case .ldap: "ldap"
        case .file: "file"
        case .filesize: "filesize"
        }
    }

    /// What it is in .htaccess; nil: it is not to be used there.
    var restricted: ExprFunction? {
        switch self {
        case .file, .filesize, .osenv: nil
        case .env: .noteOrReqenv
        default: self
        }
    }
}

/// Names of the language, in lower case, and what they stand for.
enum ExprNames {
    /// Functions that ask for a request header field: whether that may be told in Vary.
    static let headerFunctions = ["req": true, "http": true, "req_novary": false]

    static let headerVariables: [String: StaticString] = [
        "http_accept": "Accept", "http_cookie": "Cookie", "http_forwarded": "Forwarded", "http_host": "Host",
        "http_proxy_connection": "Proxy-Connection", "http_referer": "Referer", "http_user_agent": "User-Agent",
    ]

    static let variables = Dictionary(uniqueKeysWithValues: ExprVariable.allCases.map { ($0.name.asciiLowered, $0) })

    static let functions = Dictionary(
        uniqueKeysWithValues: ExprFunction.allCases.compactMap { function in function.name.map { ($0, function) } })

    static let comparisons: [String: ExprComparison] = [
        "eq": .equal, "ne": .notEqual, "lt": .less, "le": .lessOrEqual, "gt": .greater, "ge": .greaterOrEqual,
    ]

    static let wildcards: [String: ExprWildcard] = ["strmatch": .strmatch, "strcmatch": .strcmatch, "fnmatch": .fnmatch]
}
