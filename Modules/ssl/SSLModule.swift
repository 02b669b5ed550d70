import COpenSSL
import ModuleKit

/// TLS under HTTP: the transport "tls" for the virtual hosts that say `SSLEngine on`.
final class SSLModule: Module {
    typealias ServerConf = SSLServerConf

    static let info = ModuleInfo("ssl_module", version: "1.0", requires: [APUS_EXT_PROVIDERS])

    static let directives = [
        Directive(
            "SSLEngine", .one, in: .server, help: "on or off: whether the server speaks TLS", setEngine),
        Directive(
            "SSLCertificateFile", .one, in: .server, help: "PEM file with the certificate and its chain"
        ) {
            let (file, place) = try configuredFile($0, $1)
            $0.updateServer { (conf: inout SSLServerConf) in conf.certificates.append(Located(file, place)) }
        },
        Directive("SSLCertificateKeyFile", .one, in: .server, help: "PEM file with the private key") {
            let (file, place) = try configuredFile($0, $1)
            $0.updateServer { (conf: inout SSLServerConf) in conf.keys.append(Located(file, place)) }
        },
        Directive(
            "SSLCertificateChainFile", .one, in: .server, help: "PEM file with intermediate certificates"
        ) {
            let (file, place) = try configuredFile($0, $1)
            $0.updateServer { (conf: inout SSLServerConf) in conf.chain = Located(file, place) }
        },
        Directive("SSLProtocol", .many(0), in: .server, help: "[+|-]TLSv1.2 … or all", setProtocols),
        Directive(
            "SSLCipherSuite", .words(1...2), in: .any, override: .auth,
            help: "[SSL|TLSv1.3] and a colon-separated list of ciphers", setCiphers),
        Directive("SSLHonorCipherOrder", .flag, in: .server, help: "on: the server's order of ciphers counts")
        {
            let honored = try Bool(word: $1[0])
            $0.updateServer { (conf: inout SSLServerConf) in conf.honorsOrder = honored }
        },
    ] + sessionDirectives

    init(_ host: Host) throws {
        let process = try TLSProcess.make(host)
        try host.hooks.openConfig { _, _ in try openServers(host, process) }
        try host.hooks.openConfig { reason, _ in try SessionCache.open(host, reason: reason) }
        try host.hooks.postReadRequest(Order(.middle, flags: [.initialOnly])) { request in
            checkDirection(of: request)
        }
        try host.provide(APUS_GROUP_TRANSPORT, "tls", TLSTransport.table, rawContext: process)
        try host.provide(APUS_GROUP_LOG_ITEM, "x", Variables.table(Variables.extended), rawContext: process)
        try host.provide(APUS_GROUP_LOG_ITEM, "c", Variables.table(Variables.classic), rawContext: process)
    }
}

@c(apus_module_entry)
public func entry(_ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>) -> UnsafePointer<
    apus_module
>? {
    SSLModule.descriptor(for: host, named: name)
}

/// Makes the contexts of all servers that speak TLS; every mistake of every server is reported before it
/// gives up.
private func openServers(_ host: Host, _ process: UnsafeMutablePointer<TLSProcess>) throws {
    let servers = host.servers
    let reporter = Reporter(host)
    var builder = ContextBuilder(process: process, reporter: reporter)
    process.pointee.protocols = offeredProtocols(host)
    process.pointee.makeRoom(for: servers.count)
    for server in servers {
        let conf = server.conf(SSLServerConf.self).pointee
        guard conf.engine?.value == true else { continue }
        process.pointee.contexts[server.index] = builder.build(server, conf)
    }
    guard reporter.errors == 0 else { throw AlreadyReported() }
}

// Directives with more to say than a property.

private func setEngine(_ command: Command, _ arguments: Arguments) throws {
    let place = Location(command)
    if arguments[0].equalsIgnoringCase("optional") {
        throw DirectiveError(
            "SSLEngine optional (upgrade to TLS inside a clear connection, RFC 2817) is not supported: it "
                + "let attackers inject requests (CVE-2025-49812), so httpd 2.4.64 dropped it; use on or off")
    }
    guard let on = try? Bool(word: arguments[0]) else {
        throw DirectiveError("the argument must be On or Off")
    }
    command.updateServer { (conf: inout SSLServerConf) in conf.engine = Located(on, place) }
}

private func setProtocols(_ command: Command, _ arguments: Arguments) throws {
    let place = Location(command)
    let words = (0..<arguments.count).map { arguments.string($0) }
    let protocols = try Protocols.parse(words) { command.warn($0) }
    command.updateServer { (conf: inout SSLServerConf) in conf.protocols = Located(protocols, place) }
}

private func setCiphers(_ command: Command, _ arguments: Arguments) throws {
    guard command.scopeKind <= APUS_SCOPE_VHOST else {
        throw DirectiveError(
            "SSLCipherSuite for part of a server needs renegotiation, which this version does not offer; "
                + "move it to the virtual host")
    }
    let place = Location(command)
    let list = Located(arguments.string(arguments.count - 1), place)
    guard arguments.count == 2, !arguments[0].equalsIgnoringCase("SSL") else {
        return command.updateServer { (conf: inout SSLServerConf) in conf.ciphers = list }
    }
    guard arguments[0].equalsIgnoringCase("TLSv1.3") else {
        throw DirectiveError(
            "SSLCipherSuite: protocol \"\(arguments.string(0))\" is not supported; "
                + "use SSL (up to TLS 1.2) or TLSv1.3")
    }
    command.updateServer { (conf: inout SSLServerConf) in conf.ciphers13 = list }
}

/// The file a directive names, made absolute.
private func configuredFile(_ command: Command, _ arguments: Arguments) throws -> (String, Location) {
    guard !arguments[0].hasPrefixIgnoringCase("pkcs11:") else {
        throw DirectiveError(
            "\(command.name.string): keys in a PKCS#11 token are not supported by this version; "
                + "give a PEM file"
        )
    }
    return (command.resolve(arguments[0]).string, Location(command))
}
