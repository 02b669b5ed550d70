import AuthKit
import ModuleKit

/// Who may say where a client is.
struct TrustedProxy: BitwiseCopyable {
    var range: Subnet
    /// One of one's own: it may name private addresses, and is not listed among the proxies.
    var isInternal: Bool
}

/// What a server says about its proxies.
struct RemoteIPConf: Configuration, BitwiseCopyable {
    /// RemoteIPProxyProtocol, and where it stands.
    struct ProxyProtocol: BitwiseCopyable {
        var isOn: Bool
        var file: Bytes
        var line: Int
    }

    var header = Bytes.none
    var proxiesHeader = Bytes.none
    var proxies = PoolArray<TrustedProxy>()
    /// Nil: not said.
    var proxyProtocol: ProxyProtocol?
    var exceptions = PoolArray<Subnet>()

    func merged(
        over base: RemoteIPConf, settings: [(inout RemoteIPConf) -> Void], in pool: Pool
    ) -> RemoteIPConf {
        var merged = self
        if !header.isSet { merged.header = base.header }
        if !proxiesHeader.isSet { merged.proxiesHeader = base.proxiesHeader }
        merged.proxies = base.proxies.joined(with: proxies, in: pool)
        if proxyProtocol == nil { merged.proxyProtocol = base.proxyProtocol }
        merged.exceptions = base.exceptions.joined(with: exceptions, in: pool)
        return merged
    }
}

/// The PROXY protocol belongs to an address: of the virtual hosts that share one, the last that says something decides
/// for all.
func settleProxyProtocol(_ host: Host) {
    let inherited = host.mainServer.conf(RemoteIPConf.self).pointee.proxyProtocol
    let hosts = host.servers.filter(\.isVirtual).map { server in
        let conf = server.conf(RemoteIPConf.self)
        let said = conf.pointee.proxyProtocol == inherited ? nil : conf.pointee.proxyProtocol
        return (conf: conf, addresses: Set(server.addresses), said: said)
    }
    for each in hosts {
        let sharing = hosts.compactMap { $0.addresses.isDisjoint(with: each.addresses) ? nil : $0.said }
        guard let last = sharing.last else { continue }
        each.conf.pointee.proxyProtocol = last
        guard let said = each.said, said.isOn != last.isOn else { continue }
        host.report(
            .warn, code: "AH03491", file: said.file, line: said.line,
            "RemoteIPProxyProtocol holds for an address, not a name: what \(last.file.string):\(last.line) says of the same "
                + "address takes its place")
    }
}

extension RemoteIPConf.ProxyProtocol: Equatable {
    static func == (a: Self, b: Self) -> Bool { a.line == b.line && a.file == b.file && a.isOn == b.isOn }
}
