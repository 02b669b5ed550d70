import Glibc
import ModuleKit

/// Writes a line for each request, in formats of one's own.
final class LogConfig: Module {
    typealias ServerConf = LogServerConf

    static let info = ModuleInfo("log_config_module", version: "1.0", requires: [APUS_EXT_EXPR, APUS_EXT_PROVIDERS])
    static let directives = logDirectives

    init(_ host: Host) throws {
        // Where lines are composed: one place a process, reused for every line.
        let desk = UnsafeMutablePointer<LineDesk>.allocate(capacity: 1)
        desk.initialize(to: LineDesk())

        try host.hooks.checkConfig { try resolveLogs(of: host) }
        try host.hooks.openConfig { _, _ in try openLogs(of: host) }
        try host.hooks.childInit { desk.pointee.pid = getpid() }
        try host.hooks.logTransaction(.middle) { logRequest($0, host: host, at: desk) }
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    LogConfig.descriptor(for: host, named: name)
}
