/// What becomes of a request.
enum RewriteResult: Equatable {
    /// It is that of this path and query, whether it was from the beginning or has been rewritten.
    case path(String)
    /// A file that lies outside the document root, with the query behind it.
    case file(String)
    /// The client is sent elsewhere.
    case redirect(status: Int, location: String)
    case proxy(String)
    case status(Int)
}

extension RewriteResult: CustomStringConvertible {
    /// As a case writes it.
    var description: String {
        switch self {
        case .path(let path): path
        case .file(let path): "file \(path)"
        case .redirect(let status, let location): "\(status) \(location)"
        case .proxy(let url): "proxy \(url)"
        case .status(let status): "\(status)"
        }
    }
}

/// One line of a file of cases: a request, and what must become of it.
struct RewriteCase {
    /// What else must hold at the end.
    enum Check {
        /// Nil: the variable must not be set.
        case environment(name: String, value: String?)
        case type(String)
        case handler(String)
        /// A field of the answer.
        case header(name: String, value: String?)
    }

    let location: SourceLocation
    let method: String
    let url: RequestedURL
    /// Header fields, "Name: value".
    let fields: [String]
    /// The client's address; nil: some.
    let sender: String?
    /// Nil: what was asked for.
    let result: RewriteResult?
    let checks: [Check]
}

/// The URL of a case: a path, or the whole, with the host and whether it is asked for over TLS.
struct RequestedURL {
    let text: String
    let isSecure: Bool
    let host: String
    /// The path and the query.
    let target: String

    /// Nil: it is neither a path nor a URL of http or https.
    init?(_ text: String, defaultHost: String) {
        self.text = text
        if text.hasPrefix("/") || text == "*" {
            (isSecure, host, target) = (false, defaultHost, text)
            return
        }
        guard let scheme = ["https://", "http://"].first(where: { text.hasPrefix($0) }) else { return nil }
        let rest = text.dropFirst(scheme.count)
        let slash = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        guard slash > rest.startIndex else { return nil }
        isSecure = scheme == "https://"
        host = String(rest[..<slash])
        target = rest[slash...].hasPrefix("/") ? String(rest[slash...]) : "/\(rest[slash...])"
    }

    /// The URL of a path of the same host.
    func absolute(_ path: String) -> String { "\(isSecure ? "https" : "http")://\(host)\(path)" }
}
