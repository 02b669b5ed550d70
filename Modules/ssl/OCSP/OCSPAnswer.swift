import COpenSSL
import Glibc

/// Which certificate a responder is asked about.
struct OCSPQuestion {
    let certificate, issuer: OpaquePointer
    /// Seconds that clocks may differ.
    let skew: Int
    /// The oldest answer that is accepted, in seconds; -1: as its own dates say.
    let maxAge: Int

    /// The responder that the certificate names; nil: none.
    static func responder(of certificate: OpaquePointer) -> String? {
        guard let list = X509_get1_ocsp(certificate) else { return nil }
        defer { X509_email_free(list) }
        return cossl_n_strings(list) > 0 ? cossl_string(list, 0).map { String(cString: $0) } : nil
    }

    private var id: OpaquePointer? { OCSP_cert_to_id(nil, certificate, issuer) }

    /// The request in DER, with a nonce when the answer must be a fresh one.
    func request(nonce: UnsafeMutablePointer<OpaquePointer?>? = nil) -> [UInt8]? {
        guard let request = OCSP_REQUEST_new(), let id, OCSP_request_add0_id(request, id) != nil else { return nil }
        if let nonce {
            _ = OCSP_request_add1_nonce(request, nil, -1)
            nonce.pointee = request
        }
        defer { if nonce == nil { OCSP_REQUEST_free(request) } }
        var bytes: UnsafeMutablePointer<UInt8>?
        let count = i2d_OCSP_REQUEST(request, &bytes)
        guard count > 0, let bytes else { return nil }
        defer { cossl_free(bytes) }
        return Array(UnsafeBufferPointer(start: bytes, count: Int(count)))
    }

    /// What an answer says.
    enum Verdict {
        /// The certificate's status (V_OCSP_CERTSTATUS_…), until so many seconds since 1970; nil: it does not say.
        case status(Int32, until: Int?)
        /// The responder could not say (OCSP_RESPONSE_STATUS_…).
        case refusal(Int32)
        case invalid(String)
    }

    /// Judges an answer. It must be signed by the issuer, or by whom the issuer or `trusted` vouch for, or by one of `others`;
    /// with `isTrusting`, by anybody.
    func judge(
        _ answer: [UInt8], request: OpaquePointer? = nil, trusted: OpaquePointer? = nil, others: OpaquePointer? = nil,
        isTrusting: Bool = false
    ) -> Verdict {
        ERR_clear_error()
        defer { ERR_clear_error() }
        let response = answer.withUnsafeBufferPointer {
            var place = $0.baseAddress
            return d2i_OCSP_RESPONSE(nil, &place, $0.count)
        }
        guard let response else { return .invalid("it is no OCSP answer") }
        defer { OCSP_RESPONSE_free(response) }
        let status = OCSP_response_status(response)
        guard status == OCSP_RESPONSE_STATUS_SUCCESSFUL else { return .refusal(status) }
        guard let basic = OCSP_response_get1_basic(response) else { return .invalid("it holds no basic answer") }
        defer { OCSP_BASICRESP_free(basic) }
        if let request, OCSP_check_nonce(request, basic) == 0 { return .invalid("its nonce is another") }
        if !isSigned(basic, trusted, others, isTrusting) {
            return .invalid("its signature is not trusted: \(ErrorQueue.takeLastReason())")
        }
        return self.status(in: basic)
    }

    private func isSigned(
        _ basic: OpaquePointer, _ trusted: OpaquePointer?, _ others: OpaquePointer?, _ isTrusting: Bool
    ) -> Bool {
        guard
            let store = trusted.map({
                X509_STORE_up_ref($0)
                return $0
            }) ?? X509_STORE_new(),
            let list = cossl_certificates_new()
        else { return false }
        defer {
            X509_STORE_free(store)
            cossl_certificates_free(list)
        }
        if trusted == nil {
            _ = X509_STORE_add_cert(store, issuer)
            _ = X509_STORE_set_flags(store, UInt(X509_V_FLAG_PARTIAL_CHAIN))
        }
        _ = cossl_certificates_push(list, issuer)
        let flags = UInt(isTrusting ? OCSP_NOVERIFY : OCSP_TRUSTOTHER)
        if OCSP_basic_verify(basic, list, store, flags) == 1 { return true }
        guard let others else { return false }
        ERR_clear_error()
        return OCSP_basic_verify(basic, others, store, UInt(OCSP_TRUSTOTHER)) == 1
    }

    private func status(in basic: OpaquePointer) -> Verdict {
        guard let id else { return .invalid("OpenSSL has no memory") }
        defer { OCSP_CERTID_free(id) }
        var status: Int32 = 0
        var reason: Int32 = 0
        var thisUpdate: UnsafeMutablePointer<ASN1_GENERALIZEDTIME>?
        var nextUpdate: UnsafeMutablePointer<ASN1_GENERALIZEDTIME>?
        guard OCSP_resp_find_status(basic, id, &status, &reason, nil, &thisUpdate, &nextUpdate) == 1 else {
            return .invalid("it is about another certificate")
        }
        guard OCSP_check_validity(thisUpdate, nextUpdate, skew, maxAge) == 1 else {
            return .invalid("it is out of date: \(ErrorQueue.takeLastReason())")
        }
        return .status(status, until: nextUpdate.flatMap { seconds($0) })
    }

    private func seconds(_ time: UnsafePointer<ASN1_TIME>) -> Int? {
        var parts = tm()
        return ASN1_TIME_to_tm(time, &parts) == 1 ? timegm(&parts) : nil
    }
}
