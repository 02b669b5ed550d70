import COpenSSL
import Glibc
@_spi(Draft) import ModuleKit

/// The access_checker hook: what SSLRequireSSL, SSLVerifyClient, SSLCipherSuite and SSLRequire demand of a request.
func checkAccess(_ request: Request, _ process: UnsafeMutablePointer<TLSProcess>) throws -> Status {
    let conf = request.confPointer(SSLDirConf.self)
    guard conf.pointee.duties.contains(.access) || process.pointee.namePolicy == .insecure else { return .declined }
    let check = AccessCheck(request: request)
    if conf.pointee.requiresTLS, !request.isEncrypted { return check.refuseUnencrypted() }
    // As in httpd, the rest is about connections that are encrypted.
    guard let tls = request.tls else { return request.isEncrypted ? check.foretell(process) : .declined }
    if let wanted = tls.wanted(by: request) {
        guard !request.isExplain else { return check.explain(wanted) }
        return try Negotiation.start(request, tls, wanted, thenDo: check)
    }
    return check.finish(tls)
}

extension Request {
    /// The TLS connection that carries the request; nil: none.
    var tls: TLS? { connection.transport("tls")?.assumingMemoryBound(to: TLSConnection.self) }

    /// Whether TLS carries the request, or would carry one that is only explained.
    var isEncrypted: Bool { tls != nil || isExplain && connection.isSecure }
}

/// The part of an access check that needs no negotiation, or comes after it.
struct AccessCheck {
    let request: Request

    private var conf: UnsafeMutablePointer<SSLDirConf> { request.confPointer(SSLDirConf.self) }

    func refuseUnencrypted() -> Status {
        refuse("AH02219", "access to \(place) without TLS, which SSLRequireSSL demands")
    }

    /// Everything but what is negotiated.
    func finish(_ tls: TLS) -> Status {
        if let problem = tls.certificateProblem(for: tls.question(of: request)) {
            return refuse("AH02263", "access to \(place): \(problem)")
        }
        if let ciphers = conf.pointee.ciphers, !tls.usesCipher(of: ciphers) {
            return refuse("AH02264", "access to \(place): the cipher in use is none of SSLCipherSuite's")
        }
        for requirement in conf.pointee.requirements where !requirement.holds(for: request) {
            return refuse("AH02229", "access to \(place): SSLRequire \(requirement.text) is not true")
        }
        return .declined
    }

    private var place: String { request.filename.isSet ? request.filename.string : request.path.string }

    /// Nobody is asked for anything when it is only explained what would be done.
    func explain(_ wanted: Wanted) -> Status {
        Log(host: request.host).write(
            .info, code: "AH02221", request: request,
            "access to \(place): the client would be asked for \(wanted.description)")
        return .declined
    }

    /// The same where there is no connection that could be looked at.
    func foretell(_ process: UnsafeMutablePointer<TLSProcess>) -> Status {
        let question = process.pointee.context(request.server.index)?.pointee.asks.changed(by: conf.pointee)
        if let question, question.verification != .none || conf.pointee.ciphers != nil {
            _ = explain(Wanted(question: question, ciphers: conf.pointee.ciphers?.list))
        }
        for requirement in conf.pointee.requirements {
            Log(host: request.host).write(
                .info, code: "AH02229", request: request,
                "access to \(place): whether SSLRequire \(requirement.text) is true depends on the client's connection; here it is taken to be")
        }
        return .declined
    }

    /// Says why, and remembers whether nothing may overrule it.
    func refuse(_ code: StaticString, _ message: @autoclosure () -> String) -> Status {
        Log(host: request.host).write(.error, code: code, request: request, message())
        if conf.pointee.options.contains(.strictRequire) { request.notes["ssl-access-forbidden"] = Bytes("1") }
        return .status(403)
    }
}

/// The access_checker_ex hook, which is reached after a refusal where `Satisfy any` holds: what StrictRequire forbids no
/// other requirement lets in.
func checkStrictly(_ request: Request) -> Status {
    guard request.confPointer(SSLDirConf.self).pointee.options.contains(.strictRequire),
        request.notes["ssl-access-forbidden"] != nil
    else { return .declined }
    return .status(403)
}

/// What a request needs of its connection beyond what it has.
struct Wanted {
    var question: ClientQuestion
    var ciphers: Bytes?

    var description: String {
        "\(question.verification) verification\(ciphers.map { " and \($0.string)" } ?? "")"
    }
}

extension UnsafeMutablePointer<TLSConnection> {
    /// What the directory of a request, or its server, asks of clients.
    func question(of request: Request) -> ClientQuestion {
        let server = pointee.process.pointee.context(request.server.index)?.pointee.asks ?? pointee.context.pointee.asks
        return server.changed(by: request.confPointer(SSLDirConf.self).pointee)
    }

    /// What must be negotiated for a request; nil: nothing.
    func wanted(by request: Request) -> Wanted? {
        let conf = request.confPointer(SSLDirConf.self)
        // By SSLVHostSNIPolicy insecure the request may be for a server with other authorities than the connection's.
        guard knowsClients(as: request.server.index) else { return nil }
        var wanted = Wanted(question: question(of: request))
        let needsClient = wanted.question.verification != .none && !isSatisfied(wanted.question)
        if let ciphers = conf.pointee.ciphers, !usesCipher(of: ciphers) { wanted.ciphers = ciphers.list }
        guard needsClient || wanted.ciphers != nil else { return nil }
        // A certificate that was asked for before must not get lost by asking for something else.
        if !needsClient { wanted.question = pointee.asked }
        return wanted
    }

    private func knowsClients(as index: Int) -> Bool {
        guard index != pointee.serverIndex, let other = pointee.process.pointee.context(index) else { return true }
        return other.pointee.clientPolicy == pointee.context.pointee.clientPolicy
    }

    /// Whether asking again could bring nothing new. In TLS 1.3 a client that has shown a certificate would show it again, and
    /// its refusal would end the connection without an answer.
    private func isSatisfied(_ question: ClientQuestion) -> Bool {
        if hasCertificate {
            return SSL_version(pointee.ssl) >= TLS1_3_VERSION || certificateProblem(for: question) == nil
        }
        return pointee.asked.verification.satisfies(question.verification)
    }

    var hasCertificate: Bool { SSL_get0_peer_certificate(pointee.ssl) != nil }

    /// Why the client's certificate, or its absence, does not answer the question; nil: it does.
    func certificateProblem(for question: ClientQuestion) -> String? {
        guard question.verification != .none else { return nil }
        guard hasCertificate else {
            return question.verification == .require
                ? "the client showed no certificate, which SSLVerifyClient requires" : nil
        }
        let result = SSL_get_verify_result(pointee.ssl)
        if question.verification == .require, result != Int(X509_V_OK) || pointee.isGenerous {
            let reason = X509_verify_cert_error_string(result).map { String(cString: $0) } ?? "unknown"
            return "the client's certificate is not verified: \(reason)"
        }
        guard question.depth < pointee.asked.depth, let chain = SSL_get0_verified_chain(pointee.ssl) else { return nil }
        let above = cossl_n_certificates(chain) - 1
        return above > question.depth
            ? "\(above) certificates stand above the client's, SSLVerifyDepth allows \(question.depth)" : nil
    }

    /// Whether the connection's cipher is one of these, which are about TLS up to 1.2: the ciphers of TLS 1.3 are all strong,
    /// and cannot be changed once chosen.
    func usesCipher(of ciphers: DirectoryCiphers) -> Bool {
        guard SSL_version(pointee.ssl) < TLS1_3_VERSION, let used = SSL_get_current_cipher(pointee.ssl) else {
            return true
        }
        return ciphers.contains(SSL_CIPHER_get_id(used))
    }
}
