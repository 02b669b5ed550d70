import COpenSSL
import ModuleKit

/// What is negotiated: versions, ciphers and OpenSSL's own settings.
let negotiationDirectives: [Directive] = [
    Directive("SSLProtocol", .many(0), in: .server, help: "[+|-]TLSv1.2 … or all", setProtocols),
    Directive(
        "SSLCipherSuite", .words(1...2), in: .any, override: .auth,
        help: "[SSL|TLSv1.3] and a colon-separated list of ciphers", setCiphers),
    flagDirective("SSLHonorCipherOrder", \.honorsOrder, "on: the server's order of ciphers counts"),
    Directive("SSLOpenSSLConfCmd", .two, in: .server, help: "a command of SSL_CONF_cmd(3) and its value") {
        let command = Located(try ConfCommands.parse($0, $1[0], $1[1]), Location($0))
        $0.updateServer { (conf: inout SSLServerConf) in conf.commands.append(command) }
    },
    Directive("SSLCompression", .flag, in: .server, help: "accepted without effect: TLS is never compressed, which would give secrets away") {
        guard try Bool(word: $1[0]) else { return }
        $0.warn(
            "SSLCompression on has no effect: compression in TLS gives secrets away (CRIME, CVE-2012-4929) and "
                + "does not exist in TLS 1.3; remove the line")
    },
    Directive(
        "SSLInsecureRenegotiation", .flag, in: .server, help: "off: clients without RFC 5746 are not renegotiated with"
    ) {
        guard try Bool(word: $1[0]) else { return }
        throw DirectiveError(
            "SSLInsecureRenegotiation on is refused: it lets attackers put requests before a client's "
                + "(CVE-2009-3555); every client since 2010 knows RFC 5746, so remove the line")
    },
]

private func setProtocols(_ command: Command, _ arguments: Arguments) throws {
    let place = Location(command)
    let words = (0..<arguments.count).map { arguments.string($0) }
    let protocols = try Protocols.parse(words) { command.warn($0) }
    command.updateServer { (conf: inout SSLServerConf) in conf.protocols = Located(protocols, place) }
}

private func setCiphers(_ command: Command, _ arguments: Arguments) throws {
    let list = Located(arguments.string(arguments.count - 1), Location(command))
    let isTLS13 = arguments.count == 2 && arguments[0].equalsIgnoringCase("TLSv1.3")
    guard isTLS13 || arguments.count == 1 || arguments[0].equalsIgnoringCase("SSL") else {
        throw DirectiveError(
            "SSLCipherSuite: protocol \"\(arguments.string(0))\" is not supported; "
                + "use SSL (up to TLS 1.2) or TLSv1.3")
    }
    guard command.isInServer else { return try setDirectoryCiphers(command, list.value, isTLS13) }
    command.updateServer { (conf: inout SSLServerConf) in
        if isTLS13 { conf.ciphers13 = list } else { conf.ciphers = list }
    }
}

private func setDirectoryCiphers(_ command: Command, _ list: String, _ isTLS13: Bool) throws {
    guard !isTLS13 else {
        throw DirectiveError(
            "SSLCipherSuite TLSv1.3 cannot differ in parts of a server: TLS 1.3 has no renegotiation; "
                + "move it to the virtual host")
    }
    guard let ciphers = DirectoryCiphers(CipherList.guarded(list), in: command.pool) else {
        throw DirectiveError(
            "SSLCipherSuite: no cipher can be used from \"\(list)\": \(ErrorQueue.takeReason()); "
                + "`openssl ciphers -v` lists the known ones")
    }
    command.update { (conf: inout SSLDirConf) in
        conf.ciphers = ciphers
        conf.duties.insert(.access)
    }
}
