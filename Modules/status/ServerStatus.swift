import Glibc
import ModuleKit

/// Shows what the workers do: a page for people, lines for programs (?auto), and figures for Prometheus.
final class ServerStatus: Module {
    static let info = ModuleInfo("status_module", version: "1.0", requires: [APUS_EXT_SHM])

    init(_ host: Host) throws {
        let board = Board(host)
        try host.hooks.openConfig { reason, _ in
            if reason != APUS_OPEN_CHECK { try board.open() }
        }
        try host.hooks.childInit { board.enter() }
        try host.hooks.preConnection(.first) { _ in
            board.countConnection(1)
            return .ok
        }
        try board.onClose()
        try host.hooks.postReadRequest(Order(.first, flags: .initialOnly)) {
            board.begin($0)
            return .declined
        }
        try host.hooks.logTransaction(.last) {
            board.end($0)
            return .declined
        }
        try host.hooks.handler(.middle) { request in
            if request.handler == "server-status" { return try StatusPage(board, request).answer() }
            if request.handler == "server-metrics" { return try Metrics(board, request).answer() }
            return .declined
        }
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    ServerStatus.descriptor(for: host, named: name)
}
