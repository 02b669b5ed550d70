import COpenSSL
import Glibc
import ModuleKit

/// Asks a client for more in the middle of a connection: by renegotiation in TLS 1.2 (RFC 5246 section 7.4.1.1), by
/// post-handshake authentication in TLS 1.3 (RFC 8446 section 4.6.2). The request waits meanwhile; what the client
/// sends of its body or of later requests is kept.
final class Negotiation {
    private let request: Request
    private let tls: TLS
    private let check: AccessCheck
    private let limit: Int
    private let former: [UInt8]
    private var task: SuspendedTask?
    private var isOver = false

    /// - Returns: what the hook answers.
    static func start(_ request: Request, _ tls: TLS, _ wanted: Wanted, thenDo check: AccessCheck) throws -> Status {
        guard request.main == nil else {
            return check.refuse(
                "APUS3020",
                "a part of another answer needs a client certificate or cipher that the "
                    + "connection does not have: ask for it where the answer itself is configured")
        }
        if let obstacle = prepare(tls, wanted) {
            tls.endNegotiation()
            // What is optional need not be had.
            if wanted.question.verification != .require, wanted.ciphers == nil { return check.finish(tls) }
            return check.refuse("AH02225", "the connection cannot be renegotiated: \(obstacle)")
        }
        Log(host: request.host).write(
            .info, code: "AH02221", request: request,
            "asking the client for \(wanted.description)")
        return try Negotiation(request, tls, check).begin()
    }

    private init(_ request: Request, _ tls: TLS, _ check: AccessCheck) {
        self.request = request
        self.tls = tls
        self.check = check
        limit = request.confPointer(SSLDirConf.self).pointee.renegotiationBuffer
        former = tls.peerFinished
    }

    // MARK: Asking

    /// - Returns: why it cannot be.
    private static func prepare(_ tls: TLS, _ wanted: Wanted) -> String? {
        let ssl = tls.pointee.ssl
        ErrorQueue.clear()
        guard request(tls, is: "h2") == false else { return "HTTP/2 forbids it (RFC 9113 section 9.2.3)" }
        tls.pointee.asked = wanted.question
        tls.pointee.isGenerous = false
        tls.pointee.isNegotiating = true
        // Without the demand that there be a certificate: a client that has none gets an answer that says so.
        SSL_set_verify(ssl, wanted.question.verification.mode & ~SSL_VERIFY_FAIL_IF_NO_PEER_CERT, onVerify)
        // The outcome belongs to this connection: its session is resumed neither now nor elsewhere.
        var identity = [UInt8](repeating: 0, count: Int(SSL_MAX_SID_CTX_LENGTH))
        guard RAND_bytes(&identity, Int32(identity.count)) == 1,
            SSL_set_session_id_context(ssl, identity, UInt32(identity.count)) == 1
        else { return ErrorQueue.takeReason() }
        return SSL_version(ssl) < TLS1_3_VERSION ? renegotiate(ssl, wanted) : authenticate(ssl)
    }

    private static func request(_ tls: TLS, is name: StaticString) -> Bool {
        var start: UnsafePointer<UInt8>?
        var length: UInt32 = 0
        SSL_get0_alpn_selected(tls.pointee.ssl, &start, &length)
        return start.map { Bytes(UnsafeRawPointer($0), count: Int(length)) == name } ?? false
    }

    private static func renegotiate(_ ssl: OpaquePointer, _ wanted: Wanted) -> String? {
        guard cossl_secure_renegotiation(ssl) != 0 else { return "the client does not know RFC 5746" }
        if let list = wanted.ciphers, let text = list.ptr, SSL_set_cipher_list(ssl, text) != 1 {
            return ErrorQueue.takeReason()
        }
        _ = SSL_clear_options(ssl, cossl_op_no_renegotiation)
        guard SSL_renegotiate(ssl) == 1, SSL_do_handshake(ssl) == 1 else { return ErrorQueue.takeReason() }
        return nil
    }

    private static func authenticate(_ ssl: OpaquePointer) -> String? {
        // A ticket would carry the certificate to other connections, where it may have been asked for differently.
        _ = SSL_set_num_tickets(ssl, 0)
        guard SSL_verify_client_post_handshake(ssl) == 1 else {
            let isUnable = ErrorQueue.holds(SSL_R_EXTENSION_NOT_RECEIVED)
            let reason = ErrorQueue.takeReason()
            return isUnable ? "the client did not offer TLS 1.3 post-handshake authentication" : reason
        }
        return SSL_do_handshake(ssl) == 1 ? nil : ErrorQueue.takeReason()
    }

    // MARK: Waiting

    private func begin() throws -> Status {
        task = try request.suspend { [self] in cancel() }
        guard tls.flush() != APUS_E_CLOSED else {
            finish(.failed)
            return .suspended
        }
        tls.log(.info, code: "AH02226", "waiting for the client's new handshake")
        advance()
        return .suspended
    }

    /// The client has gone, or did not answer in time: nothing more can be read from it.
    private func cancel() {
        isOver = true
        tls.pointee.isAbandoned = true
    }

    /// Reads until the client's answer is whole.
    private func advance() {
        guard !isOver else { return }
        ErrorQueue.clear()
        while true {
            var count = 0
            let buffer = tls.pointee.process.pointee.record
            let outcome = SSL_read_ex(tls.pointee.ssl, buffer, TLSProcess.recordSize, &count)
            if outcome == 1 { tls.pointee.plain.append(buffer, count) }
            if hasAnswer { return succeed() }
            if tls.pointee.plain.count > limit { return overflow() }
            if outcome == 1 { continue }
            guard SSL_get_error(tls.pointee.ssl, outcome) == SSL_ERROR_WANT_READ else { return fail() }
            guard tls.flush() != APUS_E_CLOSED else { return fail() }
            return request.when(APUS_WANT_READ) { [self] _ in advance() }
        }
    }

    /// The client's Finished message differs from the one before, and nothing is left to be done.
    private var hasAnswer: Bool { SSL_is_init_finished(tls.pointee.ssl) == 1 && tls.peerFinished != former }

    // MARK: The outcome

    private func succeed() {
        Log(host: request.host).write(.debug, code: "AH02260", request: request, "the new handshake is done")
        tls.logAgreement()
        tls.endNegotiation()
        _ = tls.flush()
        tls.endClientStatus()
        guard ClientStatus.isWanted(of: tls) else { return judge() }
        ClientStatus.begin(tls) { [self] in judge() }
    }

    /// The client's certificate has been looked up with its responder, if that was wanted.
    private func judge() {
        guard !isOver else { return }
        guard let problem = tls.pointee.clientStatus?.takeUnretainedValue().problem else {
            return finish(check.finish(tls))
        }
        tls.pointee.isAbandoned = true
        finish(check.refuse("AH01926", "the client's certificate is refused: \(problem)"))
    }

    private func overflow() {
        Log(host: request.host).write(
            .error, code: "AH02018", request: request,
            "the client sends more than SSLRenegBufferSize (\(limit)) bytes before it answers the request for a new "
                + "handshake")
        tls.pointee.isAbandoned = true
        finish(.status(413))
    }

    private func fail() {
        logFailure(tls, "AH02261", "the client did not complete the new handshake")
        _ = tls.flush()
        tls.pointee.isAbandoned = true
        tls.pointee.broken = true
        finish(check.refuse("AH02262", "the new handshake failed"))
    }

    private func finish(_ status: Status) {
        isOver = true
        task?.resume(status)
    }
}

extension UnsafeMutablePointer<TLSConnection> {
    /// The last Finished message of the client.
    fileprivate var peerFinished: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = SSL_get_peer_finished(pointee.ssl, &bytes, bytes.count)
        return Array(bytes.prefix(count))
    }

    /// Clients may not ask for a new handshake by themselves.
    fileprivate func endNegotiation() {
        pointee.isNegotiating = false
        _ = SSL_set_options(pointee.ssl, cossl_op_no_renegotiation)
    }
}
