import ModuleKit

/// What the module tells about itself in numbers: when certificates expire, and how handshakes went.
struct TLSFigures {
    /// Servers whose certificates are told of one by one.
    private static let serverLimit = 256

    let host: Host
    let process: UnsafeMutablePointer<TLSProcess>

    func all() -> [Figure] { certificates + handshakes }

    /// When the first of a server's certificates ends.
    private var certificates: [Figure] {
        host.servers.prefix(Self.serverLimit).compactMap { server in
            guard let end = process.pointee.context(server.index)?.pointee.certificates.map(\.end).min() else { return nil }
            return .gauge(
                "tls_certificate_expiry_seconds", "When the certificate expires, in seconds since 1970.", Double(end),
                label: ("server", "\(server.name.string):\(server.port)#\(server.index)"))
        }
    }

    private var handshakes: [Figure] {
        guard let counts = process.pointee.counts else { return [] }
        let total = counts.total
        return [("full", total.full), ("resumed", total.resumed), ("failed", total.failed)].map {
            .counter("tls_handshakes_total", "Handshakes by how they ended.", Double($0.1), label: ("outcome", $0.0))
        }
    }
}

/// How many handshakes there were, counted by each worker in its own part of shared memory.
struct HandshakeCounts {
    struct Part {
        var full: Int64 = 0
        var resumed: Int64 = 0
        var failed: Int64 = 0
        /// Each worker has a cache line of its own.
        var rest = InlineArray<5, Int64>(repeating: 0)
    }

    private let parts: UnsafeMutablePointer<Part>
    private let workers: Int
    private var own = 0

    init(_ host: Host) throws {
        workers = max(1, host.workerCount)
        let memory = try host.sharedMemory("handshakes", bytes: workers * MemoryLayout<Part>.stride)
        parts = memory.baseAddress.unsafelyUnwrapped.bindMemory(to: Part.self, capacity: workers)
    }

    mutating func enter(_ worker: Int) { own = max(0, min(worker, workers - 1)) }

    func countFailure() { parts[own].failed += 1 }

    func count(isResumed: Bool) {
        if isResumed { parts[own].resumed += 1 } else { parts[own].full += 1 }
    }

    var total: Part {
        var total = Part()
        for index in 0..<workers {
            total.full += parts[index].full
            total.resumed += parts[index].resumed
            total.failed += parts[index].failed
        }
        return total
    }
}
