import ModuleKit

/// The handler server-metrics: the figures in Prometheus' text format.
struct Metrics {
    private let board: Board
    private let request: Request
    private let figures: Figures
    private var text = ""

    init(_ board: Board, _ request: Request) {
        self.board = board
        self.request = request
        figures = Figures(board)
    }

    func answer() throws -> Status {
        guard request.method == "GET" || request.method == "HEAD" else { return .declined }
        var metrics = self
        metrics.compose()
        return try request.reply(200, text: metrics.text, contentType: "text/plain; version=0.0.4; charset=utf-8")
    }

    private mutating func family(_ name: String, _ kind: String, _ help: String) {
        text += "# HELP apus_\(name) \(help)\n# TYPE apus_\(name) \(kind)\n"
    }

    private mutating func sample(_ name: String, _ labels: String = "", _ value: Any) {
        text += "apus_\(name)\(labels.isEmpty ? "" : "{\(labels)}") \(value)\n"
    }

    private mutating func single(_ name: String, _ kind: String, _ help: String, _ value: Any) {
        family(name, kind, help)
        sample(name, "", value)
    }

    private mutating func compose() {
        single("up_seconds", "gauge", "Seconds since this generation began.", figures.uptime)
        single("generation", "gauge", "Number of the configuration's generation.", board.host.generation)
        single("reload_failures_total", "counter", "Reloads that came to nothing.", board.host.failedReloads)
        single("workers", "gauge", "Worker processes.", figures.workers.count)
        single("connections", "gauge", "Open connections.", figures.connections)
        single("connections_waiting", "gauge", "Open connections without a request.", figures.waiting)
        single("requests_active", "gauge", "Requests at work.", figures.busy)
        single("connections_accepted_total", "counter", "Connections taken.", figures.workers.reduce(0) { $0 + $1.accepted })
        single("cpu_user_seconds_total", "counter", "Processor time of the workers.", Double(figures.userTime) / 1e6)
        single("cpu_system_seconds_total", "counter", "Processor time in the kernel.", Double(figures.systemTime) / 1e6)
        composeHistogram()
        composeHosts()
        for (_, figures) in board.host.figures() { compose(figures) }
        composeFacts()
    }

    private mutating func composeHistogram() {
        family("request_duration_seconds", "histogram", "How long requests took.")
        histogram("request_duration_seconds", "", figures.histogram, sum: figures.workers.reduce(0) { $0 + $1.duration })
    }

    /// The samples of one histogram: answers by bucket, and the microseconds of all.
    private mutating func histogram(_ name: String, _ labels: String, _ counts: InlineArray<12, Int64>, sum: Int64) {
        let before = labels.isEmpty ? "" : "\(labels),"
        var count: Int64 = 0
        for (index, bound) in Board.bounds.enumerated() {
            count += counts[index]
            sample("\(name)_bucket", "\(before)le=\"\(bound)\"", count)
        }
        count += counts[Board.bounds.count]
        sample("\(name)_bucket", "\(before)le=\"+Inf\"", count)
        sample("\(name)_sum", labels, Double(sum) / 1e6)
        sample("\(name)_count", labels, count)
    }

    /// By virtual host, of which there are as many as the configuration has: labels do not come from clients.
    private mutating func composeHosts() {
        let hosts = figures.hosts.map { (label: "server=\"\(Self.label($0.name)):\($0.port)\",index=\"\($0.index)\"", total: $0.total) }
        family("http_requests_total", "counter", "Requests answered, by virtual host and class of status.")
        for (label, total) in hosts {
            for kind in 1..<6 { sample("http_requests_total", "\(label),code=\"\(kind)xx\"", total.classes[kind]) }
        }
        family("http_sent_bytes_total", "counter", "Bytes of answers' bodies, by virtual host.")
        for (label, total) in hosts { sample("http_sent_bytes_total", label, total.bytes) }
        family("http_duration_seconds_total", "counter", "Time that requests took, by virtual host.")
        for (label, total) in hosts { sample("http_duration_seconds_total", label, Double(total.duration) / 1e6) }
        family("http_request_duration_seconds", "histogram", "How long requests took, by virtual host.")
        for (label, total) in hosts { histogram("http_request_duration_seconds", label, total.histogram, sum: total.duration) }
    }

    /// What other modules tell; those of one name follow each other.
    private mutating func compose(_ figures: [Figure]) {
        var name = ""
        for figure in figures {
            if figure.name != name { family(figure.name, figure.isCounter ? "counter" : "gauge", figure.help) }
            name = figure.name
            sample(name, figure.label.map { "\($0.name)=\"\(Self.label($0.value))\"" } ?? "", figure.value)
        }
    }

    /// What modules tell on the page, as far as it is numbers.
    private mutating func composeFacts() {
        var samples: [(labels: String, value: Double)] = []
        board.host.eachStatusFact(request) { title, name, value in
            guard let number = Double(value.string), number.isFinite else { return }
            samples.append(("part=\"\(Self.label(title.string))\",fact=\"\(Self.label(name.string))\"", number))
        }
        guard !samples.isEmpty else { return }
        family("module_status", "gauge", "What modules tell of themselves, by part and fact.")
        for (labels, value) in samples { sample("module_status", labels, value) }
    }

    /// As the value of a label must be written.
    private static func label(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": escaped += "\\\(scalar)"
            case "\n": escaped += "\\n"
            default: escaped.unicodeScalars.append(scalar.value < 32 ? "_" : scalar)
            }
        }
        return escaped
    }
}
