import COpenSSL
import ModuleKit

/// The look-up of a client's certificates with their responders, in a thread of its own while the handshake waits.
final class ClientStatus {
    /// nil: the connection has gone.
    private var tls: TLS?
    private let resume: () -> Void
    private(set) var isOver = false
    /// Why the client is refused; nil: it is not.
    private(set) var problem: String?

    private init(_ tls: TLS, _ resume: @escaping () -> Void) {
        self.tls = tls
        self.resume = resume
    }

    /// Whether the server wants a look-up of the certificate that was just shown. One that a session brought has been looked
    /// up when the session was made.
    static func isWanted(of tls: TLS) -> Bool {
        tls.pointee.context.pointee.clientStatus != nil && cossl_session_reused(tls.pointee.ssl) == 0
            && tls.hasCertificate
            && SSL_get_verify_result(tls.pointee.ssl) == Int(X509_V_OK)
    }

    /// Begins a look-up that is wanted.
    /// - Parameter resume: what to do when it is over; not called when the connection has gone by then.
    static func begin(_ tls: TLS, then resume: @escaping () -> Void) {
        let status = ClientStatus(tls, resume)
        tls.pointee.clientStatus = Unmanaged.passRetained(status)
        guard let rules = tls.pointee.context.pointee.clientStatus?.takeUnretainedValue(),
            let chain = SSL_get0_verified_chain(tls.pointee.ssl),
            let background = tls.pointee.process.pointee.worker?.takeUnretainedValue().background
        else { return status.finish("no thread can be had to look it up") }
        let lookup = ClientLookup(chain, rules)
        let isUnderWay = background.run {
            lookup.problem()
        } then: {
            status.finish($0)
        }
        if !isUnderWay { status.finish("too many clients are being looked up") }
    }

    private func finish(_ problem: String?) {
        self.problem = problem
        isOver = true
        if tls != nil { resume() }
    }

    /// The connection goes.
    func abandon() { tls = nil }
}

/// What a look-up needs, apart from the connection. It is used by one thread at a time.
private final class ClientLookup {
    private let certificates: [OpaquePointer]
    private let rules: ClientStatusRules

    init(_ chain: OpaquePointer, _ rules: ClientStatusRules) {
        self.rules = rules
        certificates = (0..<cossl_n_certificates(chain)).compactMap { cossl_certificate(chain, $0) }
        for certificate in certificates { X509_up_ref(certificate) }
    }

    deinit { for certificate in certificates { X509_free(certificate) } }

    /// Why a certificate of the chain is refused.
    func problem() -> String? {
        let last = rules.policy.mode == .leaf ? 1 : certificates.count
        for index in 0..<last {
            let certificate = certificates[index]
            // Nobody vouches for the authority at the top but the configuration.
            guard index + 1 < certificates.count else {
                return index == 0 ? rules.policy.toleratesMissing ? nil : "its issuer is not known" : nil
            }
            if let problem = problem(with: certificate, issuer: certificates[index + 1]) {
                return "\(problem) (\(describe(certificate)))"
            }
        }
        return nil
    }

    private func problem(with certificate: OpaquePointer, issuer: OpaquePointer) -> String? {
        let policy = rules.policy
        let named = policy.overridesResponder ? policy.defaultResponder : OCSPQuestion.responder(of: certificate)
        guard let url = named ?? policy.defaultResponder else {
            return policy.toleratesMissing ? nil : "it names no OCSP responder"
        }
        guard let address = ResponderAddress(url, timeout: policy.timeout, proxy: policy.proxy) else {
            return "\"\(url)\" is no http URL of a responder"
        }
        let question = OCSPQuestion(certificate: certificate, issuer: issuer, skew: policy.skew, maxAge: policy.maxAge)
        var sent: OpaquePointer?
        defer { OCSP_REQUEST_free(sent) }
        guard let request = policy.usesNonce ? question.request(nonce: &sent) : question.request() else {
            return "OpenSSL cannot make a request for it"
        }
        switch OCSPClient.result(address, request) {
        case .failure(let failure): return "its responder \(url) did not answer: \(failure.reason)"
        case .success(let answer):
            let verdict = question.judge(
                answer, request: sent, trusted: rules.store, others: rules.responders,
                isTrusting: policy.skipsVerification)
            return explain(verdict, url)
        }
    }

    private func explain(_ verdict: OCSPQuestion.Verdict, _ url: String) -> String? {
        switch verdict {
        case .status(V_OCSP_CERTSTATUS_GOOD, _): nil
        case .status(V_OCSP_CERTSTATUS_REVOKED, _): "it is revoked, says \(url)"
        case .status: "\(url) does not know it"
        case .refusal(let status): "\(url) refuses to answer (status \(status))"
        case .invalid(let reason): "the answer of \(url) cannot be used: \(reason)"
        }
    }
}

/// The rules of a server for its clients' certificates; kept as long as the process.
final class ClientStatusRules {
    let policy: OCSPPolicy
    let store: OpaquePointer?
    /// The certificates of SSLOCSPResponderCertificateFile.
    let responders: OpaquePointer?

    init(_ policy: OCSPPolicy, _ ctx: OpaquePointer, responders: OpaquePointer?) {
        self.policy = policy
        store = SSL_CTX_get_cert_store(ctx)
        X509_STORE_up_ref(store)
        self.responders = responders
    }
}
