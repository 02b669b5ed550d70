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
        single("workers", "gauge", "Worker processes.", figures.workers.count)
        single("connections", "gauge", "Open connections.", figures.connections)
        single("connections_waiting", "gauge", "Open connections without a request.", figures.waiting)
        single("requests_active", "gauge", "Requests at work.", figures.busy)
        single("connections_accepted_total", "counter", "Connections taken.", figures.workers.reduce(0) { $0 + $1.accepted })
        single("cpu_user_seconds_total", "counter", "Processor time of the workers.", Double(figures.userTime) / 1e6)
        single("cpu_system_seconds_total", "counter", "Processor time in the kernel.", Double(figures.systemTime) / 1e6)
        composeHistogram()
        composeHosts()
    }

    private mutating func composeHistogram() {
        family("request_duration_seconds", "histogram", "How long requests took.")
        var count: Int64 = 0
        for (index, bound) in Board.bounds.enumerated() {
            count += figures.workers.reduce(0) { $0 + $1.histogram[index] }
            sample("request_duration_seconds_bucket", "le=\"\(bound)\"", count)
        }
        count += figures.workers.reduce(0) { $0 + $1.histogram[Board.bounds.count] }
        sample("request_duration_seconds_bucket", "le=\"+Inf\"", count)
        sample("request_duration_seconds_sum", "", Double(figures.workers.reduce(0) { $0 + $1.duration }) / 1e6)
        sample("request_duration_seconds_count", "", count)
    }

    /// By virtual host, of which there are as many as the configuration has: labels do not come from clients.
    private mutating func composeHosts() {
        let servers = board.host.servers.prefix(board.hosts)
        var sums: [(label: String, total: HostBoard)] = servers.enumerated().map { index, server in
            ("server=\"\(Self.label(server.name.string)):\(server.port)\",index=\"\(index)\"", HostBoard())
        }
        for worker in 0..<board.workers {
            for index in sums.indices {
                guard let part = board.virtualHost(worker, index)?.pointee else { continue }
                sums[index].total.requests += part.requests
                sums[index].total.bytes += part.bytes
                for kind in 0..<6 { sums[index].total.classes[kind] += part.classes[kind] }
            }
        }
        family("http_requests_total", "counter", "Requests answered, by virtual host and class of status.")
        for (label, total) in sums {
            for kind in 1..<6 { sample("http_requests_total", "\(label),code=\"\(kind)xx\"", total.classes[kind]) }
        }
        family("http_sent_bytes_total", "counter", "Bytes of answers' bodies, by virtual host.")
        for (label, total) in sums { sample("http_sent_bytes_total", label, total.bytes) }
    }

    private static func label(_ text: String) -> String {
        String(text.unicodeScalars.map { $0 == "\"" || $0 == "\\" || $0.value < 32 ? "_" : Character($0) })
    }
}
