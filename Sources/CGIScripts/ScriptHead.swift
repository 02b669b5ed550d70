public import ModuleKit

/// The head of a program's answer (RFC 3875, 6.3), read until its empty line.
public struct ScriptHead {
    public enum Outcome {
        case more
        /// It is over after so many bytes.
        case done(Int)
        case malformed(String)
    }

    /// Longer heads are no heads.
    public static let limit = 64 << 10

    public private(set) var status: Int32 = 0
    /// What it says behind the status; empty: nothing.
    private var reason = Bytes.none
    public private(set) var fields: [(name: Bytes, value: Bytes)] = []

    /// Where the line begins whose end has not come yet.
    private var unfinished = 0

    public init() {}

    /// Whether reading it is worth while: it is whole, or too long.
    public mutating func isReady(_ text: Bytes) -> Bool { end(of: text) != nil || text.count > Self.limit }

    /// Takes apart what has come so far; its bytes must live as long as the head.
    public mutating func read(_ text: Bytes, isRaw: Bool) -> Outcome {
        guard let end = end(of: text) else {
            return text.count > Self.limit ? .malformed("it is longer than \(Self.limit) bytes") : .more
        }
        var rest = text.upTo(end)
        if isRaw {
            let line = Self.takeLine(&rest)
            guard line.hasPrefix("HTTP/"), let space = line.firstIndex(of: UInt8(ascii: " ")), takeStatus(line.from(space + 1)) else {
                return .malformed("\"\(Self.shown(line))\" is no status line")
            }
        }
        while !rest.isEmpty {
            let line = Self.takeLine(&rest)
            if line.isEmpty { break }
            if let problem = take(line) { return .malformed(problem) }
        }
        return .done(end)
    }

    /// Behind the first empty line. Looks at no whole line twice.
    private mutating func end(of text: Bytes) -> Int? {
        while let newline = text.firstIndex(of: UInt8(ascii: "\n"), from: unfinished) {
            let line = text[unfinished..<newline]
            if line.isEmpty || line == "\r" { return newline + 1 }
            unfinished = newline + 1
        }
        return nil
    }

    private static func takeLine(_ rest: inout Bytes) -> Bytes {
        let end = rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.count
        let line = rest.upTo(end)
        rest = rest.from(min(end + 1, rest.count))
        return line.hasSuffix(Bytes("\r")) ? line.upTo(line.count - 1) : line
    }

    /// "404 Not Found", or the number alone.
    private mutating func takeStatus(_ text: Bytes) -> Bool {
        let text = text.trimmed
        guard text.count >= 3, let code = text.upTo(3).decimal, 100...599 ~= code, text.count == 3 || !text[3].isDigit else {
            return false
        }
        status = Int32(code)
        reason = text.from(3).trimmed
        return true
    }

    /// What a header field may be made of: nothing that could end it, or begin another answer (RFC 9110, 5.1 and 5.5).
    private mutating func take(_ line: Bytes) -> String? {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > 0 else {
            return "\"\(Self.shown(line))\" is no header field"
        }
        let name = line.upTo(colon).trimmed
        let value = line.from(colon + 1).trimmed
        guard !name.isEmpty, name.buffer.allSatisfy(\.isTokenByte), !value.buffer.contains(where: { $0 < 0x20 && $0 != 9 || $0 == 0x7f }) else {
            return "\"\(Self.shown(line))\" holds bytes that no header field may hold"
        }
        if name.equalsIgnoringCase("Status") {
            return takeStatus(value) ? nil : "\"\(Self.shown(value))\" is no status"
        }
        fields.append((name, value))
        return nil
    }

    private static func shown(_ line: Bytes) -> String { line.upTo(min(line.count, 60)).string }

    public subscript(name: StaticString) -> Bytes? { fields.last { $0.name.equalsIgnoringCase(name) }?.value }

    /// Makes the head the request's.
    /// - Returns: what the request's conditions want to be answered in its place (RFC 9110, 13); nil: nothing.
    public func apply(to request: Request) -> Status? {
        copy(to: request)
        guard status == 0 else {
            request.status = Int(status)
            if !reason.isEmpty { request.reason = reason }
            return nil
        }
        guard request.method == "GET" || request.method == "HEAD" else { return nil }
        let verdict = request.preconditions
        return verdict == .ok ? nil : verdict
    }

    /// Makes the fields the request's: as in httpd, those that "Header always" is about. What frames the answer is the server's own.
    public func copy(to request: Request) {
        for (name, value) in fields {
            if name.equalsIgnoringCase("Content-Type") {
                request.contentType = value
            } else if name.equalsIgnoringCase("Content-Length") {
                // A wrong one would cut the answer off, or have the client wait: it is believed only where that is asked for.
                if value.decimal != nil, request.environment["ap_trust_cgilike_cl"] != nil { request.headersOut["Content-Length"] = value }
            } else if Self.framing.contains(where: { name.equalsIgnoringCase($0) }) {
                continue
            } else if name.equalsIgnoringCase("Set-Cookie") || name.equalsIgnoringCase("WWW-Authenticate") {
                request.errorHeadersOut.add(name, value)
            } else if Self.single.contains(where: { name.equalsIgnoringCase($0) }) {
                request.headersOut[name] = value
            } else {
                request.errorHeadersOut.merge(name, value)
            }
        }
    }

    private static let framing: [StaticString] = ["Transfer-Encoding", "Connection", "Keep-Alive"]
    private static let single: [StaticString] = ["Last-Modified", "ETag", "Location", "Content-Range"]
}

extension UInt8 {
    /// RFC 9110, 5.6.2.
    var isTokenByte: Bool {
        if isDigit || asciiLowercased &- 0x61 < 26 { return true }
        switch self {
        case 0x21, 0x23...0x27, 0x2a, 0x2b, 0x2d, 0x2e, 0x5e...0x60, 0x7c, 0x7e: return true
        default: return false
        }
    }
}
