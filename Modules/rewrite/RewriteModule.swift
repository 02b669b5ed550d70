import ModuleKit

/// Rewrites the URLs of requests by rules with regular expressions.
final class Rewrite: Module {
    typealias ServerConf = RewriteServerConf
    typealias DirConf = RewriteDirConf

    static let info = ModuleInfo(
        "rewrite_module", version: "1.0", 
        requires: [APUS_EXT_REGEX, APUS_EXT_SUBREQUEST, APUS_EXT_TASKS, APUS_EXT_EXPR])
    static let directives = rewriteDirectives

    init(_ host: Host) throws {
        let process = RewriteProcess(host)
        try host.hooks.optionalFunctions { process.findOthers() }
        try host.hooks.translateName(Order(.first)) { try rewriteForServer($0, process) }
        try host.hooks.fixups(Order(.first, before: ["dir_module"])) { try rewriteForDirectory($0, process) }
        try host.hooks.fixups(Order(.last)) { forceTypes($0, process) }
        try host.hooks.handler(.middle) { try redirectInternally($0) }
    }
}

/// What the hooks need of the process.
final class RewriteProcess {
    let host: Host
    let log: Log
    let software: Bytes
    let version: Bytes
    /// The TLS module's variables; nil: there is none.
    private(set) var tlsVariables: (UnsafePointer<apus_log_item_v1>, UnsafeMutableRawPointer?)?

    init(_ host: Host) {
        self.host = host
        log = host.log
        software = host.version
        version = host.pool.copy("\(host.raw.pointee.abi_major):\(host.raw.pointee.abi_minor)")
    }

    func findOthers() { tlsVariables = host.provider("log_item/1", Bytes("x"), as: apus_log_item_v1.self) }

    /// What a request for a file would be; nil: nothing.
    func lookUp(file: Bytes, for request: Request) -> Request? { nil }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    Rewrite.descriptor(for: host, named: name)
}
