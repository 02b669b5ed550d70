import ByteKit
import ModuleABI

/// A case that was run, and what came of it.
struct RewriteTrial {
    private(set) var expectation: RewriteCase
    private(set) var actual: RewriteResult?
    /// "file:line" of the rule that had the last word; nil: none had.
    private(set) var rule: String?
    /// What the server would have logged of it at any level.
    private(set) var trace: [String] = []
    /// What is not as expected, each in words.
    private(set) var problems: [String] = []

    var hasPassed: Bool { problems.isEmpty }

    init(_ expectation: RewriteCase, _ site: RewriteTestSite) {
        self.expectation = expectation
        var trial = self
        let explanation = Explanation()
        Explanation.current = explanation
        do throws(HeadProblem) {
            try DryRun.run(Self.head(of: expectation), from: Self.sender(of: expectation)) { last, outcome in
                trial.judge(last, outcome, site)
            }
        } catch {
            trial.problems.append("no server takes the request: \(error.reason)")
        }
        trial.trace = explanation.entries.compactMap {
            guard case .message(let module, let level, let code, let text) = $0.event else { return nil }
            return "\(module):\(LogLevelName.allCases[Int(level)].rawValue): \(code.isEmpty ? "" : "\(code): ")\(text)"
        }
        self = trial
    }

    private static func head(of expectation: RewriteCase) -> [UInt8] {
        let names = expectation.fields.map { $0.prefix { $0 != ":" }.asciiLowered }
        let host = names.contains("host") ? [] : ["Host: \(expectation.url.host)"]
        let lines = ["\(expectation.method) \(expectation.url.target) HTTP/1.1"] + host + expectation.fields
        return Array(lines.map { $0 + "\r\n" }.joined().utf8) + Array("\r\n".utf8)
    }

    private static func sender(of expectation: RewriteCase) -> DryRun.Sender {
        var sender = DryRun.Sender()
        sender.isSecure = expectation.url.isSecure
        if let address = expectation.sender.flatMap({ SocketAddress.resolve($0, port: 50000).first }) { sender.address = address }
        return sender
    }

    // MARK: What came of it

    private mutating func judge(_ last: Request.Ref, _ outcome: Phases.Outcome, _ site: RewriteTestSite) {
        let actual = RewriteOutcome.result(of: last, outcome, documentRoot: site.documentRoot)
        self.actual = actual
        rule = RewriteOutcome.decidingRule(last)
        if outcome == .waiting { problems.append("a module suspends the request, which a dry run cannot wait for") }
        let expected = expectation.result ?? .path(expectation.url.target)
        if !expected.isMet(by: actual) { problems.append("expected \(expected), got \(actual)") }
        for check in expectation.checks { problems += RewriteOutcome.complaint(check, last).map { [$0] } ?? [] }
    }
}

extension RewriteResult {
    /// Whether it is what was meant. The path of a request is known decoded; a case may write it either way.
    func isMet(by actual: RewriteResult) -> Bool {
        if self == actual { return true }
        guard case .path(let wanted) = self, case .path(let found) = actual else { return false }
        let (wantedPath, wantedQuery) = RewriteResult.parts(wanted)
        let (foundPath, foundQuery) = RewriteResult.parts(found)
        return wantedQuery == foundQuery && RewriteResult.decoded(wantedPath) == foundPath
    }

    private static func parts(_ url: String) -> (path: Substring, query: Substring) {
        let mark = url.firstIndex(of: "?") ?? url.endIndex
        return (url[..<mark], url[mark...])
    }

    private static func decoded(_ path: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(path.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == 0x25, rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Reads from a request that has gone through the phases what rewriting has made of it.
enum RewriteOutcome {
    static func result(of r: Request.Ref, _ outcome: Phases.Outcome, documentRoot: String) -> RewriteResult {
        if case .failed(let status) = outcome { return refused(r, Int(status < 0 ? 500 : status)) }
        let query = r.pointee.query.isSet && !r.pointee.query.isEmpty ? "?\(r.pointee.query.string)" : ""
        let file = r.pointee.filename.string + r.pointee.pathInfo.string
        // Rules of a server leave the path as it was and say which file it is.
        if file.hasPrefix("\(documentRoot)/") { return .path(file.dropFirst(documentRoot.count) + query) }
        let isRewritten = r.pointee.notes.contains(decidingNote) && !r.pointee.localRoot.isSet
        return isRewritten ? .file(file + query) : .path(r.pointee.path.string + query)
    }

    private static func refused(_ r: Request.Ref, _ status: Int) -> RewriteResult {
        if 300...399 ~= status, let location = r.pointee.headersOut.first("Location") {
            return .redirect(status: status, location: location.string)
        }
        let file = r.pointee.filename
        return status == 403 && file.hasPrefix("proxy:") ? .proxy(file.from(6).string) : .status(status)
    }

    /// The rewriting module's note of the last rule that changed or answered a request.
    private static let decidingNote: StaticString = "rewrite-rule"

    static func decidingRule(_ last: Request.Ref) -> String? {
        var request: Request.Ref? = last
        while let r = request {
            if let place = r.pointee.notes.first(decidingNote) { return place.string }
            request = r.pointee.previous
        }
        return nil
    }

    /// What is wrong; nil: nothing.
    static func complaint(_ check: RewriteCase.Check, _ r: Request.Ref) -> String? {
        switch check {
        case .environment(let name, let value): differs("env:\(name)", value, text(of: name, in: r.pointee.environment))
        case .header(let name, let value):
            differs("header:\(name)", value, text(of: name, in: r.pointee.headersOut) ?? text(of: name, in: r.pointee.errorHeadersOut))
        case .type(let type): differs("type", type, r.pointee.contentType.isSet ? r.pointee.contentType : nil)
        case .handler(let name): differs("handler", name, r.pointee.handler.isSet ? r.pointee.handler : nil)
        }
    }

    private static func text(of name: String, in table: FieldTable) -> Bytes? {
        Array(name.utf8).withUnsafeBytes { table.first(Bytes($0)) }
    }

    private static func differs(_ what: String, _ wanted: String?, _ found: Bytes?) -> String? {
        guard wanted != found?.string else { return nil }
        func shown(_ value: String?) -> String { value.map { "\"\($0)\"" } ?? "none" }
        return "expected \(what) \(shown(wanted)), got \(shown(found?.string))"
    }
}
