import COpenSSL
import ModuleKit

/// The fixups hook: tells scripts and logs about the request's TLS.
func exportVariables(_ request: Request) -> Status {
    guard let tls = request.tls else {
        if request.isExplain, request.connection.isSecure { request.environment["HTTPS"] = Bytes("on") }
        return .declined
    }
    let environment = request.environment
    let conf = request.confPointer(SSLDirConf.self)
    environment["HTTPS"] = Bytes("on")
    if let name = tls.serverName { environment["SSL_TLS_SNI"] = Bytes(cString: name) }
    guard conf.pointee.duties.contains(.fixups) else { return .declined }
    if let name = conf.pointee.userName { setUser(request, name) }
    let exporter = VariableExporter(request: request, environment: environment, ssl: tls.pointee.ssl)
    if conf.pointee.options.contains(.stdEnvVars) { exporter.exportStandard() }
    if conf.pointee.options.contains(.exportCertData) { exporter.exportCertificates() }
    return .declined
}

/// SSLUserName: a variable names the user.
private func setUser(_ request: Request, _ name: Bytes) {
    let value = Variables.value(name, request)
    guard value.isEmpty else {
        request.user = value
        return
    }
    Log(host: request.host).write(
        .warn, code: "AH02227", request: request, "SSLUserName \(name.string) has no value, so there is no user")
}

private struct VariableExporter {
    let request: Request
    let environment: HeaderFields
    let ssl: OpaquePointer

    private static let standard: [StaticString] = [
        "SSL_VERSION_INTERFACE", "SSL_VERSION_LIBRARY", "SSL_PROTOCOL", "SSL_SECURE_RENEG", "SSL_COMPRESS_METHOD",
        "SSL_CIPHER", "SSL_CIPHER_EXPORT", "SSL_CIPHER_USEKEYSIZE", "SSL_CIPHER_ALGKEYSIZE", "SSL_CLIENT_VERIFY",
        "SSL_CLIENT_M_VERSION", "SSL_CLIENT_M_SERIAL", "SSL_CLIENT_V_START", "SSL_CLIENT_V_END",
        "SSL_CLIENT_V_REMAIN", "SSL_CLIENT_S_DN", "SSL_CLIENT_I_DN", "SSL_CLIENT_A_KEY", "SSL_CLIENT_A_SIG",
        "SSL_CLIENT_CERT_RFC4523_CEA", "SSL_SERVER_M_VERSION", "SSL_SERVER_M_SERIAL", "SSL_SERVER_V_START",
        "SSL_SERVER_V_END", "SSL_SERVER_S_DN", "SSL_SERVER_I_DN", "SSL_SERVER_A_KEY", "SSL_SERVER_A_SIG",
        "SSL_SESSION_ID", "SSL_SESSION_RESUMED", "SSL_SRP_USER", "SSL_SRP_USERINFO",
    ]

    func exportStandard() {
        for name in VariableExporter.standard { export(Bytes(name), Variables.value(Bytes(name), request)) }
        exportParts("SSL_SERVER_", SSL_get_certificate(ssl))
        exportParts("SSL_CLIENT_", SSL_get0_peer_certificate(ssl))
    }

    func exportCertificates() {
        for name in [Bytes("SSL_SERVER_CERT"), Bytes("SSL_CLIENT_CERT")] {
            let value = Variables.value(name, request)
            export(name, value.isSet ? value : Bytes(""))
        }
        guard let chain = SSL_get_peer_cert_chain(ssl) else { return }
        for index in 0..<cossl_n_certificates(chain) {
            guard let certificate = cossl_certificate(chain, index) else { continue }
            export("SSL_CLIENT_CERT_CHAIN_\(index)", CertificateVariables.pem(certificate, request))
        }
    }

    /// The parts of both names of a certificate, and its alternative names.
    private func exportParts(_ prefix: String, _ certificate: OpaquePointer?) {
        guard let certificate else { return }
        exportName("\(prefix)S_DN_", X509_get_subject_name(certificate))
        exportName("\(prefix)I_DN_", X509_get_issuer_name(certificate))
        for kind in AlternativeNames.Kind.allCases {
            var index = 0
            AlternativeNames.each(kind, certificate) { string in
                export("\(prefix)SAN_\(kind.word)_\(index)", NamePart.text(string, request))
                index += 1
            }
        }
    }

    /// The first part of a kind bears its letters; further ones a number as well.
    private func exportName(_ prefix: String, _ name: OpaquePointer?) {
        var seen: [Int32: Int] = [:]
        for index in 0..<X509_NAME_entry_count(name) {
            guard let entry = X509_NAME_get_entry(name, index),
                let (letters, kind) = NamePart.kinds.first(where: { $0.1 == NamePart.kind(of: entry) })
            else { continue }
            let count = seen[kind] ?? 0
            seen[kind] = count + 1
            let value = NamePart.text(entry, isRaw: false, request)
            export(count == 0 ? "\(prefix)\(letters)" : "\(prefix)\(letters)_\(count)", value)
        }
    }

    private func export(_ name: String, _ value: Bytes) { name.withBytes { export($0, value) } }

    private func export(_ name: Bytes, _ value: Bytes) {
        if value.isSet { environment[name] = value }
    }
}
