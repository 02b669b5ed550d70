import COpenSSL
import ModuleKit

/// What a client is asked for in a handshake.
struct ClientQuestion: BitwiseCopyable {
    var verification: ClientVerification
    /// The most certificates that may stand above the client's own.
    var depth: Int32

    init(verification: ClientVerification, depth: Int32) {
        self.verification = verification
        self.depth = depth
    }

    /// What a directory makes of its server's question.
    func changed(by conf: SSLDirConf) -> ClientQuestion {
        ClientQuestion(verification: conf.verification ?? verification, depth: conf.depth ?? depth)
    }

    init(_ policy: ClientPolicy) {
        verification = policy.mode
        depth = policy.depth?.value ?? ClientPolicy.standardDepth
    }
}

/// OpenSSL's verification callback: called for each certificate of a client's chain, and for each problem with one.
func onVerify(_ isGood: Int32, _ store: OpaquePointer?) -> Int32 {
    guard let store,
        let ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()),
        let tls = tlsConnection(of: OpaquePointer(ssl))
    else { return isGood }
    let asked = tls.pointee.asked
    guard asked.verification != .none else { return 1 }
    let depth = X509_STORE_CTX_get_error_depth(store)
    if depth > asked.depth {
        X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_CHAIN_TOO_LONG)
        logRefusal(tls, store, "SSLVerifyDepth allows \(asked.depth)")
        return 0
    }
    guard isGood == 0 else { return 1 }
    let problem = X509_STORE_CTX_get_error(store)
    if asked.verification == .optionalNoCA, isMissingAuthority(problem) {
        tls.pointee.isGenerous = true
        return 1
    }
    if problem == X509_V_ERR_UNABLE_TO_GET_CRL, tls.pointee.context.pointee.toleratesMissingLists {
        X509_STORE_CTX_set_error(store, X509_V_OK)
        return 1
    }
    logRefusal(tls, store, nil)
    return 0
}

/// Whether the only thing wrong is that nobody vouches for the certificate.
func isMissingAuthority(_ problem: Int32) -> Bool {
    switch problem {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
        X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
        X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_CERT_UNTRUSTED:
        true
    default: false
    }
}

private func logRefusal(_ tls: TLS, _ store: OpaquePointer, _ detail: String?) {
    let problem = X509_STORE_CTX_get_error(store)
    let reason = X509_verify_cert_error_string(Int(problem)).map { String(cString: $0) } ?? "unknown"
    Log(host: tls.pointee.process.pointee.host).write(
        .info, code: "AH02039", connection: tls.connection,
        "the client's certificate is refused: \(reason)\(detail.map { " (\($0))" } ?? ""), "
            + "at depth \(X509_STORE_CTX_get_error_depth(store)): \(describe(X509_STORE_CTX_get_current_cert(store)))")
}

/// A certificate in a message: its subject, issuer and serial number.
func describe(_ certificate: OpaquePointer?) -> String {
    guard let certificate else { return "no certificate" }
    let subject = DistinguishedName.text(X509_get_subject_name(certificate))
    let issuer = DistinguishedName.text(X509_get_issuer_name(certificate))
    return "subject \(subject), issuer \(issuer)"
}
