import ModuleKit

/// The handler server-status: the page, its figures line by line (?auto), or the live page (?live) and what it draws (?json).
struct StatusPage {
    private let board: Board
    private let request: Request
    private let figures: Figures
    private var form = Form.page
    private var hasTable = true

    private enum Form { case page, lines, live, json }

    init(_ board: Board, _ request: Request) {
        self.board = board
        self.request = request
        figures = Figures(board)
    }

    func answer() throws -> Status {
        guard request.method == "GET" || request.method == "HEAD" else { return .declined }
        var page = self
        page.readQuery()
        switch page.form {
        case .page: return try request.reply(200, text: page.markup(), contentType: "text/html; charset=ISO-8859-1")
        case .lines: return try request.reply(200, text: page.lines(), contentType: "text/plain; charset=ISO-8859-1")
        case .live: return try request.reply(200, text: LivePage.markup, contentType: "text/html; charset=utf-8")
        case .json:
            request.headersOut["Cache-Control"] = Bytes("no-store")
            return try request.reply(200, text: LiveData(board, request, figures).text, contentType: "application/json")
        }
    }

    private mutating func readQuery() {
        let query = request.query.isSet ? request.query.string : ""
        for part in query.split(whereSeparator: { $0 == "&" || $0 == ";" || $0 == "," }) {
            if part == "auto" { form = .lines }
            if part == "live" { form = .live }
            if part == "json" { form = .json }
            if part == "notable" { hasTable = false }
            guard part.hasPrefix("refresh") else { continue }
            let seconds = part.hasPrefix("refresh=") ? Int64(part.dropFirst(8)) ?? 10 : 10
            request.headersOut["Refresh"] = request.pool.copy("\(max(1, min(seconds, 86400)))")
        }
    }

    private var serverName: String {
        request.hostName.isEmpty ? request.server.name.string : request.hostName.string
    }

    private var software: String { request.get(APUS_R_SERVER_SOFTWARE).string }
    private var generation: Int64 { board.host.generation }

    // MARK: Lines

    private func lines() -> String {
        var text = "\(serverName)\n"
        func line(_ name: String, _ value: Any) { text += "\(name): \(value)\n" }
        line("ServerVersion", software)
        line("ServerMPM", "event")
        line("Server Built", "unknown")
        line("CurrentTime", Shown.date(figures.now))
        line("RestartTime", Shown.date(board.opened))
        line("ParentServerConfigGeneration", generation)
        line("ParentServerMPMGeneration", generation - 1)
        line("ServerUptimeSeconds", figures.uptime)
        text += "ServerUptime:\(Shown.span(figures.uptime))\n"
        for (name, load) in zip(["Load1", "Load5", "Load15"], figures.loads) { line(name, Shown.decimal(load)) }
        if board.showsRequests { totals(&text) }
        line("BusyWorkers", figures.busy)
        line("GracefulWorkers", 0)
        line("IdleWorkers", figures.idleWorkers)
        line("Processes", figures.workers.count)
        line("Stopping", 0)
        line("ConnsTotal", figures.connections)
        line("ConnsAsyncWaitIO", 0)
        line("ConnsAsyncWriting", 0)
        line("ConnsAsyncKeepAlive", figures.waiting)
        line("ConnsAsyncClosing", 0)
        line("Scoreboard", figures.letters)
        for part in parts {
            text += "\(part.title)\n"
            for fact in part.facts { line(fact.name, fact.value) }
        }
        return text + ModuleTable(board.host.figures()).lines
    }

    /// What httpd tells with ExtendedStatus alone.
    private func totals(_ text: inout String) {
        func line(_ name: String, _ value: Any) { text += "\(name): \(value)\n" }
        let seconds = Double(figures.uptime)
        line("Total Accesses", figures.requests)
        line("Total kBytes", figures.bytes / 1024)
        line("Total Duration", figures.duration)
        let (user, system) = (Double(figures.userTime) / 1e6, Double(figures.systemTime) / 1e6)
        line("CPUUser", Shown.short(user))
        line("CPUSystem", Shown.short(system))
        line("CPUChildrenUser", 0)
        line("CPUChildrenSystem", 0)
        if seconds > 0 {
            if user + system > 0 { line("CPULoad", Shown.short((user + system) / seconds * 100)) }
            line("Uptime", figures.uptime)
            line("ReqPerSec", Shown.short(Double(figures.requests) / seconds))
            line("BytesPerSec", Shown.short(Double(figures.bytes) / seconds))
        } else {
            line("Uptime", 0)
        }
        if figures.requests > 0 {
            line("BytesPerReq", Shown.short(Double(figures.bytes) / Double(figures.requests)))
            line("DurationPerReq", Shown.short(Double(figures.duration) / Double(figures.requests)))
        }
    }

    // MARK: The page

    private func markup() -> String {
        let name = Shown.escaped(serverName)
        let address = Shown.escaped(request.connection.localAddress.string)
        var text = """
            <!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://www.w3.org/TR/html4/strict.dtd">
            <html><head>
            <title>Apus Status</title>
            </head><body>
            <h1>Server Status for \(name) (via \(address))</h1>

            <dl><dt>Server Version: \(Shown.escaped(software))</dt>
            <dt>Server MPM: event</dt>
            </dl><hr /><dl>

            """
        for item in summary() { text += "<dt>\(item)</dt>\n" }
        text += "</dl>\n\n\(processes())<pre>\(figures.letters)</pre>\n"
        text += "<p>Scoreboard Key:<br />\n\"<b><code>W</code></b>\" Request at work, \"<b><code>K</code></b>\" Keepalive, "
        text += "\"<b><code>_</code></b>\" Worker without a request</p>\n"
        text += "<p><a href=\"?live\">The live page</a></p>\n"
        if hasTable, board.showsRequests { text += jobs() }
        text += ModuleTable(board.host.figures()).markup
        for part in parts { text += markup(part) }
        return text + request.signature.string + "</body></html>\n"
    }

    private func summary() -> [String] {
        var items = [
            "Current Time: \(Shown.date(figures.now))", "Restart Time: \(Shown.date(board.opened))",
            "Parent Server Config. Generation: \(generation)", "Parent Server MPM Generation: \(generation - 1)",
            "Server uptime: \(Shown.span(figures.uptime))",
            "Server load: \(figures.loads.map { Shown.decimal($0) }.joined(separator: " "))",
        ]
        if board.showsRequests { items += totals() }
        items.append("\(figures.busy) requests currently being processed, \(figures.idleWorkers) idle workers")
        return items
    }

    private func totals() -> [String] {
        let seconds = Double(figures.uptime)
        var items = [
            "Total accesses: \(figures.requests) - Total Traffic: \(Shown.bytes(Double(figures.bytes))) - Total Duration: \(figures.duration)",
            "CPU Usage: u\(Shown.short(Double(figures.userTime) / 1e6)) s\(Shown.short(Double(figures.systemTime) / 1e6)) cu0 cs0",
        ]
        if seconds > 0, figures.requests > 0 {
            let requests = Double(figures.requests)
            items.append(
                "\(Shown.short(requests / seconds)) requests/sec - \(Shown.bytes(Double(figures.bytes) / seconds))/second - "
                    + "\(Shown.bytes(Double(figures.bytes) / requests))/request - "
                    + "\(Shown.short(Double(figures.duration) / requests)) ms/request")
        }
        return items
    }

    // MARK: What other modules tell

    private struct Part {
        let title: String
        var facts: [(name: String, value: String)]
    }

    private var parts: [Part] {
        var parts: [Part] = []
        board.host.eachStatusFact(request) { title, name, value in
            if parts.last?.title != title.string { parts.append(Part(title: title.string, facts: [])) }
            parts[parts.count - 1].facts.append((name.string, value.string))
        }
        return parts
    }

    private func markup(_ part: Part) -> String {
        let rows = part.facts.map { "<tr><td>\(Shown.escaped($0.name))</td><td>\(Shown.escaped($0.value))</td></tr>\n" }
        return "<hr />\n<h2>\(Shown.escaped(part.title))</h2>\n<table>\n\(rows.joined())</table>\n"
    }

    private func processes() -> String {
        var text = "<table rules=\"all\" cellpadding=\"1%\">\n"
        text += "<tr><th>Slot</th><th>PID</th><th>Connections</th><th>accepted</th><th>busy</th><th>keep-alive</th></tr>\n"
        for (index, worker) in figures.workers.enumerated() {
            text += "<tr><td>\(index)</td><td>\(worker.pid)</td><td>\(worker.connections)</td><td>\(worker.accepted)</td>"
            text += "<td>\(worker.busy)</td><td>\(max(0, worker.connections - worker.busy))</td></tr>\n"
        }
        return text + "</table>\n"
    }

    private func jobs() -> String {
        var text = "\n<table border=\"0\"><tr><th>Srv</th><th>PID</th><th>M</th><th>SS</th><th>Req</th><th>Conn</th>"
        text += "<th>Client</th><th>Protocol</th><th>VHost</th><th>Request</th></tr>\n"
        for index in 0..<board.workers {
            guard let worker = board.worker(index)?.pointee, worker.pid > 0 else { continue }
            for number in 0..<Board.jobs {
                guard let job = board.job(index, number)?.pointee, job.begun > 0 else { continue }
                text += row(job, worker, index)
            }
        }
        return text + "</table>\n"
    }

    private func row(_ job: Job, _ worker: WorkerBoard, _ index: Int) -> String {
        let state = job.isActive ? "<b>W</b>" : "_"
        let age = max(0, (figures.now - job.begun) / 1_000_000)
        return "<tr><td><b>\(index)-\(worker.generation)</b></td><td>\(worker.pid)</td><td>\(state)</td><td>\(age)</td>"
            + "<td>\(max(0, job.took / 1000))</td><td>\(Shown.decimal(Double(job.bytes) / 1024, 1))</td>"
            + "<td>\(Shown.escaped(job.client.string))</td><td>\(Shown.escaped(job.scheme.string.lowercased()))</td>"
            + "<td nowrap>\(Shown.escaped(job.host.string))</td><td nowrap>\(Shown.escaped(job.line.string))</td></tr>\n"
    }
}
