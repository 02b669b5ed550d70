import ModuleKit
import Support

/// The error log, and log targets of a module's own.
final class Logging: Module {
    static let info = ModuleInfo("abi_logging_module", version: "1.0")

    private let host: Host
    private var sinks: [LogSink] = []

    init(_ host: Host) throws {
        self.host = host
        try host.hooks.openConfig { reason, _ in
            guard reason != APUS_OPEN_CHECK else { return }
            let command = "|/bin/cat >> \(host.serverRoot.string)/logs/piped.log"
            self.sinks = try ["logs/abi.log", "logs/abi.log", command].map {
                try host.sink(host.pool.copy($0))
            }
            guard self.sinks[0].raw == self.sinks[1].raw else {
                throw ModuleError("the same target was opened twice")
            }
        }
        try host.hooks.handler(.middle, handle)
    }

    private func handle(_ request: Request) throws -> Status {
        guard request.handler == "abi" else { return .declined }
        let path = request.path.string
        var text = ""
        switch path {
        case _ where path.hasPrefix("/levels"):
            let table = host.table(APUS_EXT_LOG, as: apus_log_v1.self).pointee
            for level in APUS_LOG_EMERG...APUS_LOG_TRACE8 {
                text += "\(table.enabled(host.raw, level, request.raw, nil, nil))"
                guard let named = LogLevel(rawValue: level) else { continue }
                host.log.write(named, code: "ABI0001", request: request, "level \(level)")
            }
        case "/places":
            host.log.error("of the request", request: request)
            host.log.write(.error, code: "ABI0002", connection: request.connection, "of the connection")
            host.log.write(.error, code: "ABI0003", server: request.server, "of the server")
            host.log.write(.error, code: "ABI0004", "of nobody")
        case "/bytes":
            host.log.error("one\ntwo\r\u{1b}[31mred\u{7} \u{7f} \"q\" \\ caf\u{e9}", request: request)
            host.log.error("", request: request)
        case "/long": host.log.error(String(repeating: "L", count: 100_000), request: request)
        case "/source":
            host.log.write(.error, code: "ABI0005", request: request, file: "Logging/mod.c", line: 4711, "with its place")
        case "/error":
            host.log.write(.error, code: "ABI0006", request: request, error: 13, "about an error")
            host.log.write(.error, code: "ABI0007", request: request, "about none")
        case "/append":
            sinks[0].append(Bytes("one\ntwo\n"))
            sinks[1].append(Bytes("three\n"))
            sinks[2].append(Bytes("through a pipe\n"))
        default: return .declined
        }
        return try request.reply(200, text: text, contentType: "text/plain")
    }
}

@c(apus_module_entry)
public func entry(_ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>) -> UnsafePointer<
    apus_module
>? {
    Logging.descriptor(for: host, named: name)
}
