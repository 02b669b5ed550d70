import COpenSSL
import ModuleKit

/// What the contexts of a process's servers are made from, kept for making them again when files change.
final class Setup {
    let host: Host
    let process: UnsafeMutablePointer<TLSProcess>
    let phrases: PassPhrases
    let stapler: Stapler
    /// Whether somebody can be asked for pass phrases: while the configuration is read.
    private(set) var mayAsk = false
    private var policies: [String: Int] = [:]
    /// The files that each server's context was made from, by the server's number.
    private(set) var files: [Int: FileSource] = [:]

    init(_ host: Host, _ process: UnsafeMutablePointer<TLSProcess>) {
        self.host = host
        self.process = process
        phrases = PassPhrases(host)
        stapler = Stapler(host)
    }

    /// Equal texts have equal numbers.
    func policy(_ text: String) -> Int {
        let number = policies[text] ?? policies.count
        policies[text] = number
        return number
    }

    /// Makes the contexts of all servers that speak TLS; every mistake of every server is reported before it
    /// gives up.
    func openServers(_ reason: UInt32) throws {
        let servers = host.servers
        let reporter = Reporter(host)
        process.pointee.namePolicy = host.mainServer.conf(SSLServerConf.self).pointee.namePolicy
        process.pointee.makeRoom(for: servers.count)
        Libraries.open(host.mainServer.conf(SSLServerConf.self).pointee, reporter)
        if reason != UInt32(APUS_OPEN_CHECK) { process.pointee.tickets = try? SharedTicketKeys(host) }
        mayAsk = true
        for server in servers where server.conf(SSLServerConf.self).pointee.engine?.value == true {
            let source = FileSource()
            use(build([server.index], source, reporter), source)
        }
        mayAsk = false
        openUpstreams(servers, reporter)
        phrases.endDialog()
        guard reporter.errors == 0 else { throw AlreadyReported() }
        try stapler.open(host.mainServer.conf(SSLServerConf.self).pointee.stapling, reason)
        guard reason != UInt32(APUS_OPEN_CHECK) else { return }
        phrases.leaveKeys()
    }

    /// Makes what TLS to other servers needs, for the servers that turn it on.
    private func openUpstreams(_ servers: [Server], _ reporter: Reporter) {
        let upstreams = Upstreams()
        for server in servers {
            let conf = server.conf(SSLServerConf.self).pointee.upstream
            guard let isOn = conf.isOn, isOn.value else { continue }
            upstreams.byServer[server.index] = UpstreamContext(conf, isOn.location, FileSource(), reporter)
        }
        process.pointee.upstreams = Unmanaged.passRetained(upstreams)
    }

    /// Makes the contexts of servers, which are not used yet.
    func build(
        _ indexes: [Int], _ source: FileSource, _ reporter: Reporter
    ) -> [Int: UnsafeMutablePointer<ServerContext>] {
        let builder = ContextBuilder(setup: self, files: source, reporter: reporter)
        var contexts: [Int: UnsafeMutablePointer<ServerContext>] = [:]
        for server in host.servers where indexes.contains(server.index) {
            contexts[server.index] = builder.build(server, server.conf(SSLServerConf.self).pointee)
        }
        return contexts
    }

    /// Uses contexts for the connections to come. Those before stay, for connections that have them.
    func use(_ contexts: [Int: UnsafeMutablePointer<ServerContext>], _ source: FileSource) {
        for (index, context) in contexts {
            process.pointee.contexts[index] = context
            files[index] = source
        }
        let all = (0..<process.pointee.contextCount).compactMap { process.pointee.context($0) }
        stapler.keep(Set(all.flatMap { $0.pointee.staples.map(\.slot) }))
    }
}

/// Settings of OpenSSL as a whole.
enum Libraries {
    static func open(_ conf: SSLServerConf, _ reporter: Reporter) {
        guard let fips = conf.usesFIPS, fips.value else { return }
        guard OSSL_PROVIDER_available(nil, "fips") == 1 || OSSL_PROVIDER_load(nil, "fips") != nil,
            OSSL_PROVIDER_load(nil, "base") != nil, EVP_default_properties_enable_fips(nil, 1) == 1
        else {
            return reporter.error(
                "AH01885", at: fips.location,
                "SSLFIPS: OpenSSL cannot load its FIPS provider: \(ErrorQueue.takeReason()); install it "
                    + "(`openssl fipsinstall`) or leave SSLFIPS off")
        }
    }
}
