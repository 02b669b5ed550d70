import COpenSSL
import ModuleKit

/// Who the server is: its certificates and keys.
let serverDirectives: [Directive] = [
    Directive("SSLEngine", .one, in: .server, help: "on or off: whether the server speaks TLS", setEngine),
    Directive(
        "SSLCertificateFile", .one, in: .server, help: "PEM file with the certificate and its chain, or pkcs11: URI"
    ) {
        let file = configuredFile($0, $1)
        $0.updateServer { (conf: inout SSLServerConf) in conf.certificates.append(file) }
    },
    Directive(
        "SSLCertificateKeyFile", .one, in: .server, help: "PEM file with the private key, or pkcs11: URI"
    ) {
        let file = configuredFile($0, $1)
        $0.updateServer { (conf: inout SSLServerConf) in conf.keys.append(file) }
    },
    fileDirective("SSLCertificateChainFile", "PEM file with intermediate certificates") { $0.chain = $1 },
    Directive(
        "SSLPassPhraseDialog", .one, in: .global, help: "builtin, exec:/program or |/program: who knows pass phrases"
    ) {
        let dialog = try PassPhraseDialog($0, $1[0])
        $0.updateServer { (conf: inout SSLServerConf) in conf.phraseDialog = dialog }
    },
    fileDirective("SSLSessionTicketKeyFile", "48 random bytes that session tickets are sealed with") {
        $0.ticketKeyFile = $1
    },
    flagDirective("SSLSessionTickets", \.usesTickets, "on or off: whether sessions travel in tickets"),
    flagDirective("SSLStrictSNIVHostCheck", \.strictNames, "on: clients must name the host in the handshake"),
    Directive("SSLVHostSNIPolicy", .one, in: .global, help: "strict, secure, authonly or insecure") {
        let word = $1.string(0).lowercased()
        guard let policy = NamePolicy(rawValue: word) else {
            throw DirectiveError(
                "SSLVHostSNIPolicy: \"\($1.string(0))\" is none of strict, secure, authonly and insecure")
        }
        $0.updateServer { (conf: inout SSLServerConf) in conf.namePolicy = policy }
    },
]

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

/// The file a directive names, made absolute, or the URI.
private func configuredFile(_ command: Command, _ arguments: Arguments) -> Located<String> {
    let isURI = arguments[0].hasPrefixIgnoringCase("pkcs11:")
    return Located(isURI ? arguments.string(0) : command.resolve(arguments[0]).string, Location(command))
}
