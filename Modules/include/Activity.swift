import CGIScripts
import ModuleKit

/// An element that takes its time.
protocol Activity: AnyObject {
    func goOn() -> Progress
    /// The request ends.
    func cancel()
}

enum Progress {
    case done
    /// The filter is resumed when it can go on.
    case waits
    /// What it has written is to be sent first.
    case wantsRoom
}

/// A request inside the server whose answer becomes part of the document.
final class Insertion {
    private let document: Document
    private var sub: Request?
    private var isStarting = false
    /// What it came to; nil: it still runs.
    private(set) var status: Status?

    init(_ document: Document) { self.document = document }

    /// False: it cannot be run.
    func start(_ sub: Request) -> Bool {
        status = nil
        isStarting = true
        defer { isStarting = false }
        // What stands before it goes first.
        if !document.out.isEmpty { _ = document.filter.pass(document.out) }
        do {
            try sub.run(behind: document.filter) { [weak self] sub, status in self?.ended(sub, status) }
            return true
        } catch {
            return false
        }
    }

    private func ended(_ sub: Request, _ status: Status) {
        self.status = status
        location = sub.headersOut["Location"].map { document.request.pool.copy($0) }
        if !isStarting { document.filter.resume() }
    }

    /// Where it led to instead.
    private(set) var location: Bytes?
}

/// The element `include`.
final class Inclusion: Activity {
    private let document: Document
    private let attributes: [Element.Attribute]
    private let insertion: Insertion
    private var next = 0
    private var isRunning = false
    /// What went wrong with the last attribute.
    private var problem: String?

    init(_ document: Document, _ attributes: [Element.Attribute]) {
        self.document = document
        self.attributes = attributes
        insertion = Insertion(document)
    }

    func goOn() -> Progress {
        while true {
            if isRunning {
                guard let status = insertion.status else { return .waits }
                isRunning = false
                if status != .ok { problem = "\(shownTarget) cannot be included: it came to status \(status.rawValue)" }
            }
            guard next < attributes.count else { break }
            let attribute = attributes[next]
            next += 1
            guard let value = attribute.value, take(attribute, document.text(value)) else { break }
        }
        if let problem { document.fail("AH01342", problem) }
        return .done
    }

    /// False: the attributes after it are not to be looked at.
    private func take(_ attribute: Element.Attribute, _ target: [UInt8]) -> Bool {
        let name = String(decoding: attribute.name, as: UTF8.self)
        guard name == "file" || name == "virtual" || name == "onerror" else {
            problem = "the element include knows no attribute \"\(name)\""
            return false
        }
        // After a failure no further path is asked for but a remedy's, and that only then.
        let isRemedy = name == "onerror"
        guard name == "file" || isRemedy == (problem != nil) else { return true }
        if let problem { document.log("AH01342", problem) }
        problem = include(target, isFile: name == "file")
        // When even that fails, so be it.
        return !isRemedy || problem == nil
    }

    /// What is wrong; nil: it runs, or has run.
    private func include(_ target: [UInt8], isFile: Bool) -> String? {
        let shown = String(decoding: target, as: UTF8.self)
        guard let sub = isFile ? document.lookupFile(target) : document.lookup(target) else {
            return "\"\(shown)\" cannot be included: it leads to nothing here"
        }
        if let problem = refusal(sub) {
            sub.destroy()
            return "\"\(shown)\" cannot be included: \(problem)"
        }
        sub.slot = Unmanaged.passUnretained(document).toOpaque()
        if !sub.handler.isEmpty { document.variables.eachComputed { sub.environment[$0] = $1 } }
        isRunning = insertion.start(sub)
        return isRunning ? nil : "\"\(shown)\" cannot be included"
    }

    private func refusal(_ sub: Request) -> String? {
        if sub.status != 200 { return "a request for it comes to status \(sub.status)" }
        guard !document.mayRunPrograms else { return nil }
        let isText = sub.contentType.isEmpty || sub.contentType.hasPrefix("text/")
        return isText ? nil : "it may be a program, which Options IncludesNOEXEC does not allow"
    }

    private var shownTarget: String {
        let value = next > 0 ? attributes[next - 1].value : nil
        return "\"\(value.map { String(decoding: $0, as: UTF8.self) } ?? "")\""
    }

    func cancel() {}
}

/// The element `exec`, which is there when a module for programs is.
final class Execution: Activity {
    /// Set once, before anything is served.
    nonisolated(unsafe) static var isOffered = false

    static func isOffered(by host: Host) -> Bool {
        var isOffered = false
        host.eachModule { name, _, _, _ in if name == "cgi_module" || name == "cgid_module" { isOffered = true } }
        return isOffered
    }

    private let document: Document
    private let attributes: [Element.Attribute]
    private let insertion: Insertion
    private var next = 0
    private var isInserting = false
    private var program: PipedProgram?

    init(_ document: Document, _ attributes: [Element.Attribute]) {
        self.document = document
        self.attributes = attributes
        insertion = Insertion(document)
    }

    func goOn() -> Progress {
        guard document.mayRunPrograms else {
            document.fail("AH01228", "exec is not allowed by Options IncludesNOEXEC")
            return .done
        }
        while true {
            if let program {
                let progress = copy(program)
                guard progress == .done else { return progress }
                self.program = nil
            } else if isInserting {
                guard let status = insertion.status else { return .waits }
                isInserting = false
                finishInsertion(status)
            }
            guard next < attributes.count, let value = attributes[next].value else { return .done }
            let name = String(decoding: attributes[next].name, as: UTF8.self)
            next += 1
            let text = document.text(value, ifUnset: .keep)
            switch name {
            case "cmd" where text.isEmpty: document.fail("AH01229", "a command is empty")
            case "cmd": runCommand(text)
            case "cgi": insertProgram(document.text(value))
            default:
                document.fail("AH01231", "the element exec knows no attribute \"\(name)\"")
                return .done
            }
        }
    }

    // MARK: cmd

    private func runCommand(_ command: [UInt8]) {
        let request = document.request
        let environment = ProgramEnvironment()
        document.variables.each { environment.append($0, $1) }
        let file = request.filename
        let directory = file.upTo(max(1, file.lastIndex(of: UInt8(ascii: "/")) ?? 0))
        let shown = String(decoding: command, as: UTF8.self)
        do {
            program = try command.withBytes { text in
                let plan = ProgramPlan(
                    Bytes("/bin/sh"), [Bytes("/bin/sh"), Bytes("-c"), text], in: directory, environment,
                    limitsOf: request)
                return try PipedProgram(
                    plan, for: request, log: { [document] line in document.log("AH01215", "\(line.string): \(shown)") },
                    wake: { [document] in document.filter.resume() })
            }
            program?.closeInput()
        } catch {
            document.fail("AH01229", "the command \"\(shown)\" cannot be run: \(error)")
        }
    }

    private func copy(_ program: PipedProgram) -> Progress {
        while true {
            switch program.read(into: document.out) {
            case .some:
                let status = document.filter.pass(document.out)
                if status == .again { return .wantsRoom }
                if status == .suspended { return .waits }
                if status.rawValue < 0 { return .done }
            case .wait: return .waits
            case .end:
                program.release()
                return .done
            case .failed:
                document.fail("AH01229", "a command failed: \(program.failure ?? "it said nothing for too long")")
                program.end()
                return .done
            }
        }
    }

    // MARK: cgi

    private func insertProgram(_ target: [UInt8]) {
        let shown = String(decoding: target, as: UTF8.self)
        guard let sub = document.lookup(target), sub.status == 200, sub.pathInfo.isEmpty, !sub.query.isSet,
            sub.fileType == APUS_FILE_REGULAR
        else { return document.fail("AH01230", "\"\(shown)\" is no program that can be run") }
        // It is told what the client told the document.
        sub.pathInfo = document.request.pathInfo
        if document.request.query.isSet { sub.query = document.request.query }
        sub.contentType = Bytes("application/x-httpd-cgi")
        sub.handler = Bytes("application/x-httpd-cgi")
        document.variables.eachComputed { sub.environment[$0] = $1 }
        isInserting = insertion.start(sub)
        if !isInserting { document.fail("AH01230", "\"\(shown)\" cannot be run") }
    }

    private func finishInsertion(_ status: Status) {
        if 300..<400 ~= status.rawValue, let location = insertion.location {
            var link: [UInt8] = []
            link.append("<a href=\"")
            link.append(escapingHTML: location)
            link.append("\">")
            link.append(escapingHTML: location)
            link.append("</a>")
            document.write(link)
        } else if status != .ok {
            // Nothing stands in its place, as in httpd.
            document.log("AH01230", "a program came to status \(status.rawValue)")
        }
    }

    func cancel() { program?.end() }
}
