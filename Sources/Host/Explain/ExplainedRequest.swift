import ByteKit

/// The request that `apus explain` is asked about, and how it comes to the server.
struct ExplainedRequest {
    enum Output {
        case text, json
        /// The field that makes a running server trace the request.
        case signature
    }

    private(set) var url = URLParts()
    private(set) var method = "GET"
    /// `Name: value`, as they are sent.
    private(set) var fields: [String] = []
    /// The client's address.
    private(set) var from = "127.0.0.1"
    /// The address it connects to; nil: one that the configuration listens on.
    private(set) var to: String?
    private(set) var output = Output.text
    /// Options that are the server's own.
    private(set) var serverOptions: [String] = []

    /// What a URL consists of.
    struct URLParts {
        var isSecure = false
        /// Empty: the URL is a path alone.
        var host = ""
        /// Nil: the scheme's own.
        var port: UInt16?
        /// With the query.
        var target = "/"

        var effectivePort: UInt16 { port ?? (isSecure ? 443 : 80) }
        /// As the Host field has it.
        var authority: String { port.map { "\(host):\($0)" } ?? host }
    }

    static let usage = """
        Usage: apus explain URL [-X method] [-H "Name: value"] [--from address] [--to address]
                            [--json | --sign] [the server's options: -f file, -d directory, -D name, …]

        Tells what the server would do with a request, and why. No server need run, and nothing is sent or changed.

          -X method        the request's method; GET
          -H "Name: value" a header field; may be repeated
          --from address   where the request comes from; 127.0.0.1
          --to address     the address it comes to, of those that Listen names; the first with the URL's port
          --json           for programs
          --sign           print the header field that makes a running server with DebugTraceSecret write the same
                           about a live request to its error log; it is good for a minute

        """

    init(_ arguments: [String]) throws(OptionsError) {
        var rest = arguments[...]
        var hasURL = false
        while let word = rest.popFirst() {
            switch word {
            case "-X": method = try ExplainedRequest.value(of: word, &rest)
            case "-H": fields.append(try ExplainedRequest.value(of: word, &rest))
            case "--from": from = try ExplainedRequest.value(of: word, &rest)
            case "--to": to = try ExplainedRequest.value(of: word, &rest)
            case "--json": output = .json
            case "--sign": output = .signature
            case "-D", "-d", "-f", "-C", "-c", "-e", "-E", "-R":
                serverOptions += [word, try ExplainedRequest.value(of: word, &rest)]
            case _ where word.hasPrefix("-X"): method = String(word.dropFirst(2))
            case _ where word.hasPrefix("-H"): fields.append(String(word.dropFirst(2)))
            case _ where word.hasPrefix("-"): serverOptions.append(word)
            case _ where hasURL: throw OptionsError("explain takes one URL, but \"\(word)\" is a second one")
            default:
                url = try ExplainedRequest.parse(word)
                hasURL = true
            }
        }
        guard hasURL else { throw OptionsError("explain needs a URL") }
        try check()
    }

    private static func value(of option: String, _ rest: inout ArraySlice<String>) throws(OptionsError) -> String {
        guard let value = rest.popFirst(), !value.isEmpty else { throw OptionsError("\(option) needs a value") }
        return value
    }

    private func check() throws(OptionsError) {
        guard !method.isEmpty, Token.isToken(Bytes.immortal(method)) else { throw OptionsError("\"\(method)\" can be no method") }
        for field in fields where field.firstIndex(of: ":") == nil || field.utf8.contains(where: { $0 < 0x20 && $0 != 9 }) {
            throw OptionsError("\"\(field)\" is no header field: write \"Name: value\"")
        }
        guard url.target.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f }) else {
            throw OptionsError("the URL holds a space or a control character: write %20 and the like")
        }
    }

    private static func parse(_ text: String) throws(OptionsError) -> URLParts {
        var parts = URLParts()
        var rest = Substring(text)
        if let fragment = rest.firstIndex(of: "#") { rest = rest[..<fragment] }
        if rest.hasPrefix("/") || rest == "*" {
            parts.target = String(rest)
            return parts
        }
        if let slashes = rest.range(ofText: "://") {
            let scheme = String(rest[..<slashes.lowerBound]).asciiLowered
            guard scheme == "http" || scheme == "https" else { throw OptionsError("\"\(scheme)\" is neither http nor https") }
            parts.isSecure = scheme == "https"
            rest = rest[slashes.upperBound...]
        }
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        let authority = rest[..<end]
        let target = rest[end...]
        parts.target = target.hasPrefix("/") ? String(target) : "/\(target)"
        parts.host = String(authority)
        if let colon = authority.lastIndex(of: ":"), !authority[colon...].contains("]") {
            guard let port = UInt16(authority[authority.index(after: colon)...]), port > 0 else {
                throw OptionsError("\"\(authority)\" has no valid port")
            }
            parts.port = port
            parts.host = String(authority[..<colon])
        }
        guard !parts.host.isEmpty else { throw OptionsError("\"\(text)\" names no host") }
        return parts
    }

    /// A URL that is a path alone belongs to the main server, and goes to the first address it listens on.
    mutating func complete(host: String, port: UInt16, isSecure: Bool) {
        guard url.host.isEmpty else { return }
        url.host = host
        url.isSecure = isSecure
        url.port = port == (isSecure ? 443 : 80) ? nil : port
    }

    /// As it would be sent.
    var bytes: [UInt8] {
        let names = fields.map { $0.prefix { $0 != ":" }.description.asciiLowered }
        var head = "\(method) \(url.target) HTTP/1.1\r\n"
        if !names.contains("host") { head += "Host: \(url.authority)\r\n" }
        for field in fields { head += "\(field)\r\n" }
        if !names.contains("connection") { head += "Connection: close\r\n" }
        return Array((head + "\r\n").utf8)
    }

    /// The host that a signature is about: as the server takes it of the Host field.
    var signedHost: String {
        let given = fields.first { $0.asciiLowered.hasPrefix("host:") }.map { $0.dropFirst(5).drop { $0 == " " } }
        guard let given else { return url.host.asciiLowered }
        let isPlain = given.lastIndex(of: ":").map { given[$0...].contains("]") } ?? true
        return (isPlain ? given : given[..<(given.lastIndex(of: ":") ?? given.endIndex)]).description.asciiLowered
    }

    var description: String { "\(method) \(url.isSecure ? "https" : "http")://\(url.authority)\(url.target)" }
}
