import ModuleKit

/// What `?json` tells: the figures at one moment, for the live page and for programs.
struct LiveData {
    private let board: Board
    private let request: Request
    private let figures: Figures
    private let told: [(module: String, figures: [Figure])]

    init(_ board: Board, _ request: Request, _ figures: Figures) {
        self.board = board
        self.request = request
        self.figures = figures
        told = board.host.figures()
    }

    var text: String {
        let members = [
            "\"name\": \(JSON.quoted(request.hostName.isEmpty ? request.server.name.string : request.hostName.string))",
            "\"software\": \(JSON.quoted(request.get(APUS_R_SERVER_SOFTWARE).string))", "\"time\": \(figures.now)",
            "\"uptime\": \(figures.uptime)", "\"generation\": \(board.host.generation)", "\"failed_reloads\": \(board.host.failedReloads)",
            "\"requests\": \(figures.requests)", "\"bytes\": \(figures.bytes)", "\"busy\": \(figures.busy)",
            "\"connections\": \(figures.connections)", "\"cpu\": \(figures.userTime + figures.systemTime)",
            "\"classes\": \(JSON.list((1..<6).map { figures.classes[$0] }))",
            "\"bounds\": \(JSON.list(Board.bounds))", "\"histogram\": \(JSON.list((0...Board.bounds.count).map { figures.histogram[$0] }))",
            "\"workers\": \(JSON.list(figures.workers.enumerated().map(worker)))", "\"hosts\": \(JSON.list(figures.hosts.map(host)))",
            "\"jobs\": \(JSON.list(jobs))", "\"modules\": \(modules)", "\"figures\": \(JSON.list(moduleFigures))",
        ]
        return "{\(members.joined(separator: ",\n"))}\n"
    }

    private func worker(_ slot: Int, _ worker: WorkerBoard) -> String {
        "{\"slot\": \(slot), \"pid\": \(worker.pid), \"busy\": \(max(worker.busy, 0)), \"connections\": \(max(worker.connections, 0)), "
            + "\"requests\": \(worker.requests)}"
    }

    private func host(_ host: Figures.Host) -> String {
        "{\"index\": \(host.index), \"name\": \(JSON.quoted(host.name)), \"port\": \(host.port), \"requests\": \(host.total.requests), "
            + "\"bytes\": \(host.total.bytes), \"seconds\": \(Double(host.total.duration) / 1e6), "
            + "\"classes\": \(JSON.list((1..<6).map { host.total.classes[$0] })), "
            + "\"histogram\": \(JSON.list((0...Board.bounds.count).map { host.total.histogram[$0] }))}"
    }

    /// What the host counts of each module: a list of figures' names, and for each module its name and their values.
    private var modules: String {
        let table = ModuleTable(told)
        let rows = table.rows.map { JSON.list([JSON.quoted($0.module)] + $0.values.map { "\($0)" }) }
        return "{\"columns\": \(JSON.list(table.columns.map(JSON.quoted))), \"rows\": \(JSON.list(rows))}"
    }

    /// The requests at work, and those that were last, the newest first.
    private var jobs: [String] {
        let all = board.allJobs.sorted { ($0.isActive ? 1 : 0, $0.begun) > ($1.isActive ? 1 : 0, $1.begun) }
        return all.prefix(50).map { job in
            let age = max(0, figures.now - job.begun)
            return "{\"active\": \(job.isActive), \"age\": \(age / 1_000_000), \"took\": \(job.isActive ? age : job.took), "
                + "\"bytes\": \(job.bytes), \"client\": \(JSON.quoted(job.client.string)), \"host\": \(JSON.quoted(job.host.string)), "
                + "\"line\": \(JSON.quoted(job.line.string))}"
        }
    }

    /// The figures of other modules, and what they tell on the page.
    private var moduleFigures: [String] {
        func row(_ module: String, _ name: String, _ help: String, _ label: String, _ value: String) -> String {
            "{\"module\": \(JSON.quoted(module)), \"name\": \(JSON.quoted(name)), \"help\": \(JSON.quoted(help)), "
                + "\"label\": \(JSON.quoted(label)), \"value\": \(value)}"
        }
        var rows = told.flatMap { module, figures in
            figures.filter { !ModuleTable.holds($0) }.map { row(module, $0.name, $0.help, $0.label?.value ?? "", "\($0.value)") }
        }
        board.host.eachStatusFact(request) { title, name, value in
            rows.append(row(title.string, name.string, name.string, "", Double(value.string).map { "\($0)" } ?? JSON.quoted(value.string)))
        }
        return rows
    }
}

private enum JSON {
    static func list(_ elements: [some Any]) -> String { "[\(elements.map { "\($0)" }.joined(separator: ", "))]" }

    static func quoted(_ text: String) -> String {
        var text = text
        return text.withUTF8 { utf8 in
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: utf8.count * 6 + 2) { room in
                var writer = ByteWriter(room.baseAddress.unsafelyUnwrapped, capacity: room.count)
                writer.append("\"")
                writer.append(json: Bytes(UnsafeRawBufferPointer(utf8)))
                writer.append("\"")
                return writer.written.string
            }
        }
    }
}
