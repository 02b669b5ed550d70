@_spi(Draft) import ModuleKit

/// Takes a client for who its proxies say it is: by a header field, or by the PROXY protocol.
final class RemoteIP: Module {
    typealias ServerConf = RemoteIPConf

    static let info = ModuleInfo("remoteip_module", version: "1.0", requires: [APUS_EXT_PROVIDERS])
    static let directives = remoteIPDirectives

    init(_ host: Host) throws {
        try host.providePreface("proxy", ProxyPreface(host))
        try host.hooks.checkConfig { settleProxyProtocol(host) }
        try host.hooks.postReadRequest(Order(.first, flags: [.explainable, .initialOnly])) { request in
            HeaderWalk.correct(request, host)
            return .declined
        }
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    RemoteIP.descriptor(for: host, named: name)
}
