import Glibc

/// The sums over all workers at one moment.
struct Figures {
    var workers: [WorkerBoard] = []
    var requests: Int64 = 0
    var bytes: Int64 = 0
    var duration: Int64 = 0
    var connections: Int64 = 0
    var busy: Int64 = 0
    var userTime: Int64 = 0
    var systemTime: Int64 = 0
    var loads: [Double] = [0, 0, 0]
    /// Answers by the first digit of their status, and by how long they took.
    var classes = InlineArray<6, Int64>(repeating: 0)
    var histogram = InlineArray<12, Int64>(repeating: 0)
    var hosts: [Host] = []

    /// A virtual host; beyond `Board.hostLimit` the last one stands for all that follow.
    struct Host {
        let index: Int
        let name: String
        let port: Int
        var total = HostBoard()
    }
    let now: Int64
    let uptime: Int64

    init(_ board: Board) {
        now = board.host.clock
        uptime = max(0, (now - board.opened) / 1_000_000)
        for index in 0..<board.workers {
            guard let worker = board.worker(index)?.pointee, worker.pid > 0 else { continue }
            workers.append(worker)
            requests += worker.requests
            bytes += worker.bytes
            duration += worker.duration / 1000
            connections += max(worker.connections, 0)
            busy += max(worker.busy, 0)
            userTime += worker.userTime
            systemTime += worker.systemTime
            for kind in 0..<6 { classes[kind] += worker.classes[kind] }
            for bucket in 0..<12 { histogram[bucket] += worker.histogram[bucket] }
        }
        hosts = board.host.servers.prefix(board.hosts).enumerated().map { index, server in
            let isLastOfMany = index == Board.hostLimit - 1 && board.host.servers.count > Board.hostLimit
            return Host(
                index: index, name: isLastOfMany ? "others" : server.name.string, port: isLastOfMany ? 0 : server.port,
                total: board.total(ofHost: index))
        }
        _ = loads.withUnsafeMutableBufferPointer { getloadavg($0.baseAddress.unsafelyUnwrapped, 3) }
    }

    var idleWorkers: Int { workers.count { $0.busy == 0 } }

    /// Connections that wait for their next request.
    var waiting: Int64 { max(0, connections - busy) }

    /// One letter for each request at work, each connection that waits, and each worker with nothing to do.
    var letters: String {
        workers.map { worker in
            let busy = Int(max(worker.busy, 0))
            let waiting = Int(max(0, worker.connections - worker.busy))
            return String(repeating: "W", count: busy) + String(repeating: "K", count: waiting) + (busy == 0 ? "_" : "")
        }.joined()
    }
}

/// Numbers and dates as the page shows them.
enum Shown {
    static func decimal(_ value: Double, _ places: Int = 2) -> String {
        var scale = 1.0
        for _ in 0..<places { scale *= 10 }
        let rounded = (value * scale).rounded()
        let whole = Int64(rounded / scale)
        let rest = String(Int64(rounded.magnitude) % Int64(scale))
        return places == 0 ? "\(whole)" : "\(whole).\(String(repeating: "0", count: places - rest.count))\(rest)"
    }

    /// As httpd's ?auto writes fractions: none of their trailing zeros.
    static func short(_ value: Double) -> String {
        var text = decimal(value, 6)
        while text.hasSuffix("0") { text.removeLast() }
        if text.hasSuffix(".") { text.removeLast() }
        return text.hasPrefix("0.") ? String(text.dropFirst()) : text
    }

    static func bytes(_ value: Double) -> String {
        if value < 1024 { return "\(Int64(value)) B" }
        if value < 1024 * 1024 { return "\(decimal(value / 1024, 1)) kB" }
        if value < 1024 * 1024 * 1024 { return "\(decimal(value / 1_048_576, 1)) MB" }
        return "\(decimal(value / 1_073_741_824, 1)) GB"
    }

    static func date(_ microseconds: Int64) -> String {
        var time = time_t(microseconds / 1_000_000)
        var parts = tm()
        localtime_r(&time, &parts)
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { room in
            let count = strftime(room.baseAddress.unsafelyUnwrapped, room.count, "%A, %d-%b-%Y %H:%M:%S %Z", &parts)
            return String(decoding: UnsafeRawBufferPointer(room)[..<count], as: UTF8.self)
        }
    }

    static func span(_ seconds: Int64) -> String {
        var parts: [String] = []
        var rest = seconds
        for (name, length) in [("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)] as [(String, Int64)] {
            let count = rest / length
            rest %= length
            if count > 0 || !parts.isEmpty && length < 86400 { parts.append("\(count) \(name)\(count == 1 ? "" : "s")") }
        }
        return parts.isEmpty ? "" : " " + parts.joined(separator: " ")
    }

    static func escaped(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            default: out.unicodeScalars.append(scalar.value < 32 ? "?" : scalar)
            }
        }
        return out
    }
}
