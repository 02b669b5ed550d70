import COpenSSL
import ModuleKit

/// What the SSLOCSP directives of a server say: how the certificates of clients are looked up while they connect.
struct OCSPPolicy {
    enum Mode: String {
        case off, leaf, on
    }

    var mode = Mode.off
    /// A certificate that names no responder is let pass.
    var toleratesMissing = false
    var defaultResponder: String?
    var overridesResponder = false
    var proxy: String?
    var responderCertificates: Located<String>?
    var timeout: Int32 = 10
    var maxAge = -1
    var skew = 300
    var usesNonce = true
    var skipsVerification = false

    /// Equal texts: clients are looked up in the same way.
    var identity: String {
        "\(mode)|\(toleratesMissing)|\(defaultResponder ?? "")|\(overridesResponder)|"
            + "\(responderCertificates?.value ?? "")|\(skipsVerification)"
    }
}

let clientStatusDirectives: [Directive] = [
    Directive("SSLOCSPEnable", .words(1...2), in: .server, help: "off, leaf or on, and no_ocsp_for_cert_ok", enable),
    Directive("SSLOCSPDefaultResponder", .one, in: .server, help: "the responder for certificates that name none") {
        let url = try responderURL($0, $1[0])
        $0.updateServer { (conf: inout SSLServerConf) in conf.clients.ocsp.defaultResponder = url }
    },
    flagDirective(
        "SSLOCSPOverrideResponder", \.clients.ocsp.overridesResponder, "on: the default responder is asked always"),
    seconds("SSLOCSPResponderTimeout", 1, "seconds that the responder may take") {
        $0.clients.ocsp.timeout = Int32($1)
    },
    seconds("SSLOCSPResponseMaxAge", -1, "seconds that an answer may be old; -1: as its dates say") {
        $0.clients.ocsp.maxAge = $1
    },
    seconds("SSLOCSPResponseTimeSkew", 0, "seconds that clocks may differ") { $0.clients.ocsp.skew = $1 },
    flagDirective("SSLOCSPUseRequestNonce", \.clients.ocsp.usesNonce, "off: answers may be older ones"),
    flagDirective(
        "SSLOCSPNoverify", \.clients.ocsp.skipsVerification, "on: the responder's certificate is not verified"),
    Directive("SSLOCSPProxyURL", .one, in: .server, help: "the proxy that leads to responders") {
        let url = try responderURL($0, $1[0])
        $0.updateServer { (conf: inout SSLServerConf) in conf.clients.ocsp.proxy = url }
    },
    fileDirective("SSLOCSPResponderCertificateFile", "PEM file with trusted certificates of responders") {
        $0.clients.ocsp.responderCertificates = $1
    },
]

private func enable(_ command: Command, _ arguments: Arguments) throws {
    guard let mode = OCSPPolicy.Mode(rawValue: arguments.string(0).lowercased()) else {
        throw DirectiveError("SSLOCSPEnable: \"\(arguments.string(0))\" is none of off, leaf and on")
    }
    let tolerates = arguments.count == 2
    guard !tolerates || arguments[1].equalsIgnoringCase("no_ocsp_for_cert_ok") else {
        throw DirectiveError(
            "SSLOCSPEnable: unknown flag \"\(arguments.string(1))\"; the only one is no_ocsp_for_cert_ok")
    }
    command.updateServer { (conf: inout SSLServerConf) in
        conf.clients.ocsp.mode = mode
        conf.clients.ocsp.toleratesMissing = tolerates
    }
}
