import COpenSSL
import ModuleKit

/// What the SSLProxy directives of a server say: TLS to other servers, for modules that speak to them.
struct UpstreamConf {
    var isOn: Located<Bool>?
    var protocols: Located<Protocols>?
    var ciphers: Located<String>?
    var ciphers13: Located<String>?
    var verification = ClientVerification.none
    var depth = ClientPolicy.standardDepth
    var checksName = true
    var checksCommonName = true
    var checksExpiry = true
    /// Who is trusted: the same rules as for clients.
    var authorities = ClientPolicy()
    var ownFile: Located<String>?
    var ownPath: Located<String>?
    var ownChain: Located<String>?
}

let upstreamDirectives: [Directive] = [
    Directive("SSLProxyEngine", .flag, in: .server, help: "on: TLS is spoken to other servers") {
        let isOn = Located(try Bool(word: $1[0]), Location($0))
        $0.updateServer { (conf: inout SSLServerConf) in conf.upstream.isOn = isOn }
    },
    Directive("SSLProxyProtocol", .many(0), in: .server, help: "[+|-]TLSv1.2 … or all") { command, arguments in
        let words = (0..<arguments.count).map { arguments.string($0) }
        let protocols = Located(
            try Protocols.parse(words, for: "SSLProxyProtocol") { command.warn($0) }, Location(command))
        command.updateServer { (conf: inout SSLServerConf) in conf.upstream.protocols = protocols }
    },
    Directive(
        "SSLProxyCipherSuite", .words(1...2), in: .server, help: "[SSL|TLSv1.3] and a list of ciphers", setCiphers),
    Directive("SSLProxyVerify", .one, in: .server, help: "none, optional, require or optional_no_ca") {
        let verification = try ClientVerification(word: $1[0])
        $0.updateServer { (conf: inout SSLServerConf) in conf.upstream.verification = verification }
    },
    Directive("SSLProxyVerifyDepth", .one, in: .server, help: "how many certificates may stand above a server's") {
        let depth = Int32(try number($0, $1[0], in: 0...100, "certificates"))
        $0.updateServer { (conf: inout SSLServerConf) in conf.upstream.depth = depth }
    },
    flagDirective("SSLProxyCheckPeerName", \.upstream.checksName, "on: the certificate must bear the server's name"),
    flagDirective(
        "SSLProxyCheckPeerCN", \.upstream.checksCommonName, "on: its common name must, where names are not checked"),
    flagDirective("SSLProxyCheckPeerExpire", \.upstream.checksExpiry, "on: the certificate must be valid now"),
    fileDirective("SSLProxyCACertificateFile", "PEM file with the authorities of servers") {
        $0.upstream.authorities.authorityFile = $1
    },
    fileDirective("SSLProxyCACertificatePath", "directory with the authorities of servers") {
        $0.upstream.authorities.authorityPath = $1
    },
    fileDirective("SSLProxyCARevocationFile", "PEM file with revocation lists") {
        $0.upstream.authorities.revocationFile = $1
    },
    fileDirective("SSLProxyCARevocationPath", "directory with revocation lists") {
        $0.upstream.authorities.revocationPath = $1
    },
    Directive("SSLProxyCARevocationCheck", .words(1...2), in: .server, help: "none, leaf or chain") {
        try setRevocationCheck($0, $1, \.upstream.authorities)
    },
    fileDirective("SSLProxyMachineCertificateFile", "PEM file with our certificates and their keys") {
        $0.upstream.ownFile = $1
    },
    fileDirective("SSLProxyMachineCertificatePath", "directory with our certificates and their keys") {
        $0.upstream.ownPath = $1
    },
    fileDirective("SSLProxyMachineCertificateChainFile", "PEM file with the authorities between") {
        $0.upstream.ownChain = $1
    },
]

private func setCiphers(_ command: Command, _ arguments: Arguments) throws {
    let list = Located(arguments.string(arguments.count - 1), Location(command))
    let isTLS13 = arguments.count == 2 && arguments[0].equalsIgnoringCase("TLSv1.3")
    guard isTLS13 || arguments.count == 1 || arguments[0].equalsIgnoringCase("SSL") else {
        throw DirectiveError(
            "SSLProxyCipherSuite: protocol \"\(arguments.string(0))\" is not supported; use SSL (up to TLS 1.2) or TLSv1.3"
        )
    }
    command.updateServer { (conf: inout SSLServerConf) in
        if isTLS13 { conf.upstream.ciphers13 = list } else { conf.upstream.ciphers = list }
    }
}
