import COpenSSL
import ModuleABI.Draft
import ModuleKit

/// TLS under HTTP: the transport "tls" for the virtual hosts that say `SSLEngine on`.
final class SSLModule: Module {
    typealias ServerConf = SSLServerConf
    typealias DirConf = SSLDirConf

    static let info = ModuleInfo(
        "ssl_module", version: "1.0",
        requires: [APUS_EXT_PROVIDERS, APUS_EXT_EXPR, APUS_EXT_SHM, APUS_EXT_MUTEX, APUS_EXT_LEADER, APUS_EXT_HANDOVER, APUS_EXT_WIRE])

    static let directives =
        serverDirectives + negotiationDirectives + clientDirectives + accessDirectives
        + sessionDirectives + staplingDirectives + clientStatusDirectives
        + upstreamDirectives + processDirectives

    init(_ host: Host) throws {
        LibraryMemory.install()
        let process = try TLSProcess.make(host)
        let setup = Setup(host, process)
        try host.hooks.openConfig { reason, _ in try setup.openServers(reason) }
        try host.hooks.openConfig { reason, _ in try SessionCache.open(host, reason: reason) }
        try host.hooks.openConfig { reason, _ in
            if reason != UInt32(APUS_OPEN_CHECK) { process.pointee.counts = try HandshakeCounts(host) }
        }
        let live = LiveFiles(setup)
        let expiries = ExpiryWatch(host, process)
        try host.hooks.openConfig { reason, _ in if reason != UInt32(APUS_OPEN_CHECK) { live.watch() } }
        try host.onMessage { name, bytes in
            setup.stapler.receive(name, bytes)
            live.receive(name, bytes)
        }
        try host.hooks.childInit {
            process.pointee.counts?.enter(host.worker)
            process.pointee.worker = Unmanaged.passRetained(WorkerState(host))
            setup.stapler.start()
            expiries.start()
        }
        try host.hooks.postReadRequest(Order(.middle, flags: [.initialOnly, .explainable])) { request in
            checkDirection(of: request)
        }
        // Before others refuse: what StrictRequire forbids must have been seen when another way in is looked for.
        try host.hooks.access(Order(.middle, before: ["access_compat_module"], flags: [.maySuspend, .explainable])) {
            try checkAccess($0, process)
        }
        try host.hooks.accessEx(Order(.first, flags: .explainable)) {
            let status = checkStrictly($0)
            return status == .declined ? FakeBasicAuth.apply($0) : status
        }
        try host.hooks.fixups(Order(.middle, flags: .explainable)) { exportVariables($0) }
        try provideRequirements(host)
        try host.expressionVariable("SSL_", isPrefix: true) { Variables.value($1, $0) }
        try host.expressionFunction("SSL") { Variables.value($1, $0) }
        try host.expressionList("PeerExtList") { $0.pool.copy(PeerExtensions.values($1, $0)) }
        try host.provideStatus("TLSSessionCacheStatus", of: { SessionCache.current.pointee })
        try host.provideStatus("OCSPStaplingCacheStatus", of: { setup.stapler.objectCache })
        try host.provideFigures("tls") { TLSFigures(host: host, process: process).all() }
        try host.provide(APUS_GROUP_TRANSPORT, "tls", TLSTransport.table, rawContext: process)
        try host.provide(APUS_GROUP_UPSTREAM, "tls", UpstreamTransport.table, rawContext: process)
        try host.provide(APUS_GROUP_LOG_ITEM, "x", LogItems.table(LogItems.extended), rawContext: process)
        try host.provide(APUS_GROUP_LOG_ITEM, "c", LogItems.table(LogItems.classic), rawContext: process)
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<
    apus_module
>? {
    SSLModule.descriptor(for: host, named: name)
}
