import COpenSSL
import ModuleKit

/// How the certificates of clients are asked for and judged.
let clientDirectives: [Directive] = [
    Directive(
        "SSLVerifyClient", .one, in: .any, override: .auth, help: "none, optional, require or optional_no_ca"
    ) {
        let verification = Located(try ClientVerification(word: $1[0]), Location($0))
        if $0.isInServer {
            return $0.updateServer { (conf: inout SSLServerConf) in conf.clients.verification = verification }
        }
        $0.update { (conf: inout SSLDirConf) in
            conf.verification = verification.value
            conf.duties.insert(.access)
        }
    },
    Directive(
        "SSLVerifyDepth", .one, in: .any, override: .auth, help: "how many certificates may stand above a client's"
    ) {
        let depth = Located(Int32(try number($0, $1[0], in: 0...100, "certificates")), Location($0))
        if $0.isInServer {
            return $0.updateServer { (conf: inout SSLServerConf) in conf.clients.depth = depth }
        }
        $0.update { (conf: inout SSLDirConf) in
            conf.depth = depth.value
            conf.duties.insert(.access)
        }
    },
    fileDirective("SSLCACertificateFile", "PEM file with the authorities of clients") {
        $0.clients.authorityFile = $1
    },
    fileDirective("SSLCACertificatePath", "directory with the authorities of clients, by hashed names") {
        $0.clients.authorityPath = $1
    },
    fileDirective("SSLCADNRequestFile", "PEM file with the authorities that clients are told of") {
        $0.clients.namesFile = $1
    },
    fileDirective("SSLCADNRequestPath", "directory with the authorities that clients are told of") {
        $0.clients.namesPath = $1
    },
    fileDirective("SSLSRPVerifierFile", "file of `openssl srp`: clients that prove a password") {
        $0.verifierFile = $1
    },
    Directive(
        "SSLSRPUnknownUserSeed", .one, in: .server, flags: APUS_DIRECTIVE_SECRET,
        help: "a secret that hides which users there are"
    ) {
        let seed = $1.string(0)
        $0.updateServer { (conf: inout SSLServerConf) in conf.unknownUserSeed = seed }
    },
    fileDirective("SSLCARevocationFile", "PEM file with revocation lists") { $0.clients.revocationFile = $1 },
    fileDirective("SSLCARevocationPath", "directory with revocation lists, by hashed names") {
        $0.clients.revocationPath = $1
    },
    Directive(
        "SSLCARevocationCheck", .words(1...2), in: .server, help: "none, leaf or chain, and no_crl_for_cert_ok"
    ) {
        try setRevocationCheck($0, $1, \.clients)
    },
]

func setRevocationCheck(
    _ command: Command, _ arguments: Arguments, _ path: WritableKeyPath<SSLServerConf, ClientPolicy>
) throws {
    guard let check = RevocationCheck(rawValue: arguments.string(0).lowercased()) else {
        throw DirectiveError("\(command.name.string): \"\(arguments.string(0))\" is none of none, leaf and chain")
    }
    let tolerates = arguments.count == 2
    guard !tolerates || arguments[1].equalsIgnoringCase("no_crl_for_cert_ok") else {
        throw DirectiveError(
            "\(command.name.string): unknown flag \"\(arguments.string(1))\"; the only one is no_crl_for_cert_ok")
    }
    let place = Location(command)
    command.updateServer { (conf: inout SSLServerConf) in
        conf[keyPath: path].revocationCheck = Located(check, place)
        conf[keyPath: path].toleratesMissingLists = tolerates
    }
}
