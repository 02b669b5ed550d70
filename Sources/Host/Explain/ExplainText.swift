/// An explanation for people.
enum ExplainText {
    static func render(_ report: ExplainReport) -> String {
        var text = "\(report.request.description)\nfrom \(host(report.peer)) to \(report.local)\n"
        if let remark = report.remark { text += "note: \(remark)\n" }
        if let server = report.explanation.server { text += heading("Server") + describe(server) }
        text += heading("Phases") + phases(report.explanation)
        if let facts = report.explanation.lastFacts { text += heading("What it came to") + describe(facts) }
        text += heading("Sections, in the order they are merged") + sections(report.explanation.lastSections)
        if let runtime = Runtime.current { text += heading("Directives in force") + directives(DirectiveInForce.all(report.explanation, runtime)) }
        return text + heading("Response") + response(report)
    }

    private static func heading(_ title: String) -> String { "\n\(title)\n" }

    private static func host(_ address: SocketAddress) -> String {
        let text = address.description
        return String(text[..<(text.lastIndex(of: ":") ?? text.endIndex)])
    }

    private static func describe(_ server: ChosenServer) -> String {
        let place = server.location.map { "<VirtualHost> at \($0)" } ?? "the main server"
        return "  \(server.name)\(server.port > 0 ? ":\(server.port)" : ""), \(place)\n  because \(server.reason)\n"
    }

    /// One line a hook with its verdict, and below it what it had to say.
    private static func phases(_ explanation: Explanation) -> String {
        var text = ""
        var phase = ""
        for (index, entry) in explanation.entries.enumerated() {
            let indent = String(repeating: "    ", count: entry.depth)
            switch entry.event {
            case .begins(.initial, _, _), .server, .facts: continue
            case .begins(let kind, let method, let target):
                text += "\(indent)  --- \(kind.rawValue): \(method) \(target)\n"
                phase = ""
            case .sections: continue
            case .entered(let name, let module):
                if name != phase { text += "\(indent)  \(name)\n" }
                phase = name
                text += "\(indent)    \(padded(module))\(verdict(of: explanation.entries, index))\n"
            case .hook(let name, let module, .notRun):
                if name != phase { text += "\(indent)  \(name)\n" }
                phase = name
                text += "\(indent)    \(padded(module))\(Explanation.Verdict.notRun.text)\n"
            // Told where the hook was entered.
            case .hook: continue
            case .message(_, let level, let code, let message):
                text += "\(indent)      \(LogLevelName.allCases[Int(level)].rawValue): \(code.isEmpty ? "" : "\(code): ")\(message)\n"
            case .answersUnknown(let handler): text += "\(indent)    the handler \(handler) answers; handlers are not run\n"
            }
        }
        return text
    }

    /// The verdict of the hook that is entered at an index.
    private static func verdict(of entries: [Explanation.Entry], _ index: Int) -> String {
        guard case .entered(let phase, let module) = entries[index].event else { return "" }
        for entry in entries[(index + 1)...] where entry.depth == entries[index].depth {
            if case .hook(phase, module, let verdict) = entry.event {
                if case .answered(let status) = verdict, Explanation.Verdict.isWaiting(status) { continue }
                return verdict.text
            }
        }
        return "ends the request"
    }

    private static func describe(_ facts: RequestFacts) -> String {
        var lines = ["path          \(facts.path)"]
        if !facts.query.isEmpty { lines.append("query         \(facts.query)") }
        lines.append("file          \(facts.file.isEmpty ? "none" : facts.file)\(kind(facts))")
        if !facts.pathInfo.isEmpty { lines.append("path info     \(facts.pathInfo)") }
        lines.append("handler       \(facts.handler.isEmpty ? "the server's own, for files" : facts.handler)")
        if !facts.contentType.isEmpty { lines.append("content type  \(facts.contentType)") }
        if !facts.user.isEmpty { lines.append("user          \(facts.user)") }
        lines += facts.environment.map { "environment   \($0.name)=\($0.value)" }
        return lines.map { "  \($0)\n" }.joined()
    }

    private static func kind(_ facts: RequestFacts) -> String {
        switch facts.kind {
        case .none: facts.file.isEmpty ? "" : ", which is not there"
        case .regular: ", \(facts.size) bytes"
        case .directory: ", a directory"
        case .other: ", no regular file"
        }
    }

    private static func sections(_ sections: [SectionUse]) -> String {
        guard !sections.isEmpty else { return "  none: what stands outside all sections holds\n" }
        return sections.map { "  \(padded($0.title, 40))\($0.location.map { "\($0)" } ?? "")\n" }.joined()
    }

    private static func directives(_ directives: [DirectiveInForce]) -> String {
        directives.map { each in
            let replaced = each.replacedAt.map { "; replaced at \($0)" } ?? ""
            return "  \(padded("\(each.name) \(each.arguments)", 60))\(each.location)\(replaced)\n"
        }.joined()
    }

    private static func response(_ report: ExplainReport) -> String {
        if let handler = report.explanation.unknownHandler {
            return "  not known: the handler \(handler) decides, and handlers are not run\n"
        }
        return report.head.isEmpty ? "  none: the connection is closed\n" : report.head.map { "  \($0)\n" }.joined()
    }

    private static func padded(_ text: String, _ width: Int = 22) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }
}
