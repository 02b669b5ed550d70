import COpenSSL
import Glibc
import ModuleKit

/// A certificate whose status is fetched, with the rules of its server. Owns references to both certificates.
final class StapleTarget {
    let id: [UInt8]
    let certificate, issuer: OpaquePointer
    let name: String
    let address: ResponderAddress
    let conf: StaplingConf
    let slot: UnsafeMutablePointer<StapleSlot>
    /// Seconds since 1970; 0: at once.
    var fetchAgain = 0
    var isFetching = false

    init(
        id: [UInt8], certificate: OpaquePointer, issuer: OpaquePointer, name: String, address: ResponderAddress,
        conf: StaplingConf, slot: UnsafeMutablePointer<StapleSlot>
    ) {
        X509_up_ref(certificate)
        X509_up_ref(issuer)
        self.id = id
        self.certificate = certificate
        self.issuer = issuer
        self.name = name
        self.address = address
        self.conf = conf
        self.slot = slot
    }

    deinit {
        X509_free(certificate)
        X509_free(issuer)
    }

    private var question: OCSPQuestion {
        OCSPQuestion(certificate: certificate, issuer: issuer, skew: conf.skew, maxAge: conf.maxAge)
    }

    var request: [UInt8]? { question.request() }

    /// The outcome of a fetch, and what to say about it; nil: nothing.
    func evaluate(_ outcome: Result<[UInt8], OCSPClient.Failure>, now: Int) -> (StapleNews, complaint: String?) {
        switch outcome {
        case .failure(let failure):
            return (failed(now, substitute: nil), "the responder did not answer: \(failure.reason)")
        case .success(let answer): return evaluate(answer, now)
        }
    }

    private func evaluate(_ answer: [UInt8], _ now: Int) -> (StapleNews, complaint: String?) {
        switch question.judge(answer) {
        case .status(V_OCSP_CERTSTATUS_GOOD, let until):
            let end = until ?? now + conf.standardTimeout
            // Ahead of the end, so that there is time for further attempts.
            let again = min(now + conf.standardTimeout, now + max(1, (end - now) / 2))
            return (StapleNews(id: id, fetchAgain: again, until: end, answer: answer), nil)
        case .status(let status, _):
            let word = status == V_OCSP_CERTSTATUS_REVOKED ? "revoked" : "unknown to the responder"
            let news = failed(now, substitute: answer)
            return (news, "the certificate is \(word)")
        case .refusal(let status):
            let word = OCSP_response_status_str(Int(status)).map { String(cString: $0) } ?? "\(status)"
            return (failed(now, substitute: answer), "the responder answers \"\(word)\"")
        case .invalid(let reason):
            return (failed(now, substitute: nil), "the responder's answer cannot be used: \(reason)")
        }
    }

    private func failed(_ now: Int, substitute: [UInt8]?) -> StapleNews {
        var answer: [UInt8] = []
        if conf.returnsErrors { answer = substitute ?? (conf.fakesTryLater ? StapleTarget.tryLater : []) }
        return StapleNews(id: id, fetchAgain: now + conf.errorTimeout, until: 0, answer: answer)
    }

    /// An OCSPResponse with the status tryLater, and nothing else (RFC 6960 section 4.2.1).
    private static let tryLater: [UInt8] = [0x30, 0x03, 0x0a, 0x01, 0x03]
}
