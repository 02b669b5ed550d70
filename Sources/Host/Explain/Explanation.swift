import ByteKit
import Glibc
import ModuleABI

/// What happened to one request, in the order it happened.
final class Explanation {
    /// The one that `apus explain` is making; nil in every other process.
    nonisolated(unsafe) static var current: Explanation?

    /// Why a request is there.
    enum Kind: String {
        case initial = "request"
        case redirected = "internal redirect"
        case subrequest = "sub-request"
    }

    /// What a hook came to.
    enum Verdict {
        case answered(apus_status)
        /// It has no answer to give.
        case done
        /// It would do more than look.
        case notRun
    }

    enum Event {
        case begins(Kind, method: String, target: String)
        case server(ChosenServer)
        case sections([SectionUse])
        case entered(phase: String, module: String)
        case hook(phase: String, module: String, verdict: Verdict)
        /// What a module, or the host, would have written to the error log.
        case message(module: String, level: Int32, code: String, text: String)
        case facts(RequestFacts)
        /// A module's handler has the request, which is not run.
        case answersUnknown(handler: String)
    }

    struct Entry {
        let event: Event
        /// 0: the request itself; 1: its sub-requests, and so on.
        let depth: Int
    }

    private(set) var entries: [Entry] = []
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

    init() { pthread_mutex_init(lock, nil) }

    /// Also from threads of the blocking pool, whose hooks write to the log.
    func add(_ event: Event, depth: Int) {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        entries.append(Entry(event: event, depth: depth))
    }

    /// Those whose settings the answer was made with.
    var lastSections: [SectionUse] {
        for entry in entries.reversed() where entry.depth == 0 {
            if case .sections(let sections) = entry.event { return sections }
        }
        return []
    }

    var lastFacts: RequestFacts? {
        for entry in entries.reversed() where entry.depth == 0 {
            if case .facts(let facts) = entry.event { return facts }
        }
        return nil
    }

    var server: ChosenServer? {
        for entry in entries {
            if case .server(let server) = entry.event { return server }
        }
        return nil
    }

    /// The handler that would answer and was not run; nil: the answer is known.
    var unknownHandler: String? {
        for entry in entries.reversed() where entry.depth == 0 {
            if case .answersUnknown(let handler) = entry.event { return handler }
        }
        return nil
    }
}

/// A section that holds for a request.
struct SectionUse {
    /// As it is written: `<Directory "/srv/www">`.
    let title: String
    let location: SourceLocation?
    /// What stands in it; nil: it is known by its path alone.
    let node: ConfigNode?

    init(_ section: Section) {
        node = Runtime.current?.configuration.sectionNodes[section.id]
        location = node?.location
        if let node, !node.name.isEmpty {
            title = "<\(node.name)\(node.arguments.isEmpty ? "" : " \(node.arguments.configText)")>"
        } else {
            title = node?.location.file.path ?? (section.isAccessFile ? "access file in \(section.pattern.string)" : section.pattern.string)
        }
    }
}

/// The virtual host of a request, and why it is that one.
struct ChosenServer {
    let name: String
    let port: Int
    /// Nil: the main server.
    let location: SourceLocation?
    let reason: String
    let draft: ServerDraft?

    init(_ r: Request.Ref) {
        let server = r.pointee.server
        draft = Runtime.current.flatMap { $0.configuration.servers.first { $0.server == server } }
        name = server.pointee.name.string
        port = Int(server.pointee.port)
        location = server.pointee.isVirtual ? draft?.location : nil
        reason = ChosenServer.reason(r, draft)
    }

    private static func reason(_ r: Request.Ref, _ draft: ServerDraft?) -> String {
        let address = r.pointee.conn.pointee.local
        guard let entry = r.pointee.conn.pointee.entry else { return "no <VirtualHost> is for the address \(address): the main server" }
        let host = r.pointee.host.string
        let place = "the address \(address)"
        if host.isEmpty { return "the request names no host: the first <VirtualHost> for \(place)" }
        guard entry.pointee.names.find(r.pointee.host) != nil else {
            return "no <VirtualHost> for \(place) bears the name \(host): the first of them"
        }
        if draft?.serverName?.host.asciiLowered == host { return "its ServerName is \(host)\(draft?.serverName.map { " (\($0.location))" } ?? "")" }
        if draft?.names.contains(where: { $0.asciiLowered == host }) == true { return "one of its ServerAlias names is \(host)" }
        if let pattern = draft?.patterns.first(where: { Wildcard.matches(Bytes.immortal($0), r.pointee.host, ignoringCase: true, pathname: false) }) {
            return "its ServerAlias \(pattern) matches \(host)"
        }
        return "it goes by the main server's name, \(host)"
    }
}

/// What the phases have found out about a request when its handler is due.
struct RequestFacts {
    let path: String
    let query: String
    let file: String
    let kind: FileInfo.Kind
    let size: Int64
    let pathInfo: String
    let handler: String
    let contentType: String
    let user: String
    let environment: [(name: String, value: String)]

    init(_ r: Request.Ref) {
        path = r.pointee.path.string
        query = r.pointee.query.string
        file = r.pointee.filename.string
        kind = r.pointee.file.kind
        size = r.pointee.file.size
        pathInfo = r.pointee.pathInfo.string
        handler = r.pointee.handler.string
        contentType = r.pointee.contentType.string
        user = r.pointee.user.string
        environment = r.pointee.environment.fields.map { ($0.name.string, $0.value.string) }
    }
}

extension Explanation.Verdict {
    /// Whether a status is not the last word of its hook.
    static func isWaiting(_ status: apus_status) -> Bool { status == APUS_SUSPENDED || status == APUS_AGAIN }

    var text: String {
        switch self {
        case .notRun: "not run"
        case .done: "done"
        case .answered(APUS_OK): "OK"
        case .answered(APUS_DECLINED): "declined"
        case .answered(APUS_DONE): "answered the request"
        case .answered(APUS_SUSPENDED): "waits"
        case .answered(APUS_AGAIN): "asks to be called again"
        case .answered(let status) where status < 0: "failed (\(status))"
        case .answered(let status): "\(StatusLine.text(status))"
        }
    }
}

extension Explanation.Event {
    /// In one line, for the error log.
    var line: String {
        switch self {
        case .begins(let kind, let method, let target): "\(kind.rawValue): \(method) \(target)"
        case .server(let server): "server \(server.name) (\(server.location.map { "\($0)" } ?? "main")): \(server.reason)"
        case .sections(let sections):
            "sections: " + (sections.isEmpty ? "none" : sections.map { "\($0.title)\($0.location.map { " \($0)" } ?? "")" }.joined(separator: ", "))
        case .entered(let phase, let module): "\(phase): \(module)"
        case .hook(let phase, let module, let verdict): "\(phase): \(module): \(verdict.text)"
        case .message(let module, _, let code, let text): "\(module): \(code.isEmpty ? "" : "\(code): ")\(text)"
        case .facts(let facts): "file \(facts.file), path info \"\(facts.pathInfo)\", handler \"\(facts.handler)\", type \"\(facts.contentType)\", user \"\(facts.user)\""
        case .answersUnknown(let handler): "the handler \(handler) answers"
        }
    }
}
