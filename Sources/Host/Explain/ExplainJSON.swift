/// An explanation for programs.
enum ExplainJSON {
    static func render(_ report: ExplainReport) -> String {
        var members = [
            "\"method\": \(quote(report.request.method))",
            "\"url\": \(quote("\(report.request.url.isSecure ? "https" : "http")://\(report.request.url.authority)\(report.request.url.target)"))",
            "\"from\": \(quote(report.peer.description))",
            "\"to\": \(quote(report.local.description))",
        ]
        if let remark = report.remark { members.append("\"note\": \(quote(remark))") }
        if let server = report.explanation.server { members.append("\"server\": \(object(server))") }
        members.append("\"events\": \(list(report.explanation.entries.compactMap(event)))")
        if let facts = report.explanation.lastFacts { members.append("\"request\": \(object(facts))") }
        members.append("\"sections\": \(list(report.explanation.lastSections.map(object)))")
        if let runtime = Runtime.current {
            members.append("\"directives\": \(list(DirectiveInForce.all(report.explanation, runtime).map(object)))")
        }
        members.append("\"response\": \(response(report))")
        return "{\n  \(members.joined(separator: ",\n  "))\n}\n"
    }

    private static func quote(_ text: String) -> String { DiagnosticsJSON.quote(text) }

    private static func list(_ items: [String]) -> String { items.isEmpty ? "[]" : "[\n    \(items.joined(separator: ",\n    "))\n  ]" }

    /// An object of those members that have a value.
    private static func object(_ members: (String, String?)...) -> String {
        "{" + members.compactMap { name, value in value.map { "\(quote(name)): \($0)" } }.joined(separator: ", ") + "}"
    }

    private static func place(_ location: SourceLocation?) -> String? {
        location.map { object(("file", quote($0.file.path)), ("line", String($0.line))) }
    }

    private static func object(_ server: ChosenServer) -> String {
        object(
            ("name", quote(server.name)), ("port", String(server.port)), ("place", place(server.location)), ("because", quote(server.reason)))
    }

    private static func object(_ section: SectionUse) -> String { object(("section", quote(section.title)), ("place", place(section.location))) }

    private static func object(_ directive: DirectiveInForce) -> String {
        object(
            ("name", quote(directive.name)), ("arguments", quote(directive.arguments)), ("place", place(directive.location)),
            ("section", directive.section.map(quote)), ("replacedAt", place(directive.replacedAt)))
    }

    private static func object(_ facts: RequestFacts) -> String {
        let environment = facts.environment.map { "\(quote($0.name)): \(quote($0.value))" }.joined(separator: ", ")
        return object(
            ("path", quote(facts.path)), ("query", quote(facts.query)), ("file", quote(facts.file)), ("size", String(facts.size)),
            ("exists", facts.kind == .none ? "false" : "true"), ("directory", facts.kind == .directory ? "true" : "false"),
            ("pathInfo", quote(facts.pathInfo)), ("handler", quote(facts.handler)), ("contentType", quote(facts.contentType)),
            ("user", quote(facts.user)), ("environment", "{\(environment)}"))
    }

    private static func event(_ entry: Explanation.Entry) -> String? {
        let depth = ("depth", String(entry.depth))
        switch entry.event {
        case .entered, .server, .facts: return nil
        case .begins(let kind, let method, let target):
            return object(("event", quote(kind.rawValue)), depth, ("method", quote(method)), ("target", quote(target)))
        case .sections(let sections):
            return object(("event", quote("sections")), depth, ("sections", "[\(sections.map(object).joined(separator: ", "))]"))
        case .hook(let phase, let module, let verdict):
            return object(("event", quote("hook")), depth, ("phase", quote(phase)), ("module", quote(module)), ("verdict", quote(verdict.text)))
        case .message(let module, let level, let code, let text):
            return object(
                ("event", quote("message")), depth, ("module", quote(module)), ("level", quote(LogLevelName.allCases[Int(level)].rawValue)),
                ("code", code.isEmpty ? nil : quote(code)), ("text", quote(text)))
        case .answersUnknown(let handler): return object(("event", quote("handler")), depth, ("handler", quote(handler)))
        }
    }

    private static func response(_ report: ExplainReport) -> String {
        if let handler = report.explanation.unknownHandler { return object(("handler", quote(handler))) }
        guard let line = report.head.first else { return "null" }
        let words = line.split(separator: " ", maxSplits: 2)
        let fields = report.head.dropFirst().map { field in
            let name = field.prefix { $0 != ":" }
            return "[\(quote(String(name))), \(quote(String(field.dropFirst(name.count + 1).drop { $0 == " " })))]"
        }
        return object(
            ("status", words.count > 1 ? String(words[1]) : nil), ("reason", words.count > 2 ? quote(String(words[2])) : nil),
            ("fields", "[\(fields.joined(separator: ", "))]"))
    }
}
