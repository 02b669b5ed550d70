import COpenSSL
import ModuleKit

/// TLS to other servers by the rules of one of ours; kept as long as the process.
final class UpstreamContext {
    let ctx: OpaquePointer
    let conf: UpstreamConf
    /// What we show to servers that ask who we are.
    private(set) var identities: [OwnIdentity] = []

    struct OwnIdentity {
        let certificate, key: OpaquePointer
    }

    /// - Returns: nil when OpenSSL has failed; mistakes are reported and passed over.
    init?(_ conf: UpstreamConf, _ place: Location, _ files: FileSource, _ reporter: Reporter) {
        guard let ctx = SSL_CTX_new(TLS_client_method()) else { return nil }
        self.ctx = ctx
        self.conf = conf
        applyProtocols(conf.protocols?.value ?? .standard, conf.protocols?.location ?? place, reporter)
        applyCiphers(conf, place, reporter)
        cossl_ctx_set_mode(ctx, cossl_client_modes)
        var policy = conf.authorities
        policy.verification = Located(conf.verification, place)
        ClientAuthorities(ctx: ctx, files: files, reporter: reporter, prefix: "SSLProxy").load(policy, serverAt: place)
        SSL_CTX_set_verify(ctx, conf.verification == .none ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, onVerifyUpstream)
        loadIdentities(files, reporter)
        SSL_CTX_set_client_cert_cb(ctx, onWantedIdentity)
    }

    private func applyProtocols(_ allowed: Protocols, _ place: Location, _ reporter: Reporter) {
        guard !allowed.isEmpty else {
            return reporter.error(
                "AH02231", at: place, "SSLProxyProtocol leaves no protocol; write -all +TLSv1.2 +TLSv1.3")
        }
        _ = SSL_CTX_set_options(ctx, allowed.holes)
        guard cossl_ctx_set_min_version(ctx, allowed.lowest) == 1, cossl_ctx_set_max_version(ctx, allowed.highest) == 1
        else {
            return reporter.error(
                "APUS3002", at: place, "SSLProxyProtocol: OpenSSL refuses these versions: \(ErrorQueue.takeReason())")
        }
    }

    private func applyCiphers(_ conf: UpstreamConf, _ place: Location, _ reporter: Reporter) {
        if let list = conf.ciphers, SSL_CTX_set_cipher_list(ctx, CipherList.guarded(list.value)) != 1 {
            refuse("SSLProxyCipherSuite", list, reporter)
        }
        if let list = conf.ciphers13, SSL_CTX_set_ciphersuites(ctx, list.value) != 1 {
            refuse("SSLProxyCipherSuite TLSv1.3", list, reporter)
        }
    }

    private func refuse(_ directive: String, _ list: Located<String>, _ reporter: Reporter) {
        reporter.error(
            "AH01898", at: list.location,
            "\(directive): no cipher can be used from \"\(list.value)\": \(ErrorQueue.takeReason()); "
                + "`openssl ciphers -v` lists the known ones")
    }

    // MARK: Who we are

    private func loadIdentities(_ files: FileSource, _ reporter: Reporter) {
        attempt("SSLProxyMachineCertificateFile", conf.ownFile, reporter) { try add(files.read($0)) }
        attempt("SSLProxyMachineCertificatePath", conf.ownPath, reporter) { path in
            for name in try files.names(in: path) { try add(files.read("\(path)/\(name)")) }
        }
        attempt("SSLProxyMachineCertificateChainFile", conf.ownChain, reporter) { path in
            _ = try PEM.certificates(in: files.read(path)) { certificate in
                X509_up_ref(certificate)
                chain.append(certificate)
            }
        }
    }

    /// The certificates between ours and an authority.
    private(set) var chain: [OpaquePointer] = []

    private func attempt(
        _ directive: String, _ file: Located<String>?, _ reporter: Reporter, _ body: (String) throws -> Void
    ) {
        guard let file else { return }
        do {
            try body(file.value)
        } catch let problem as FileProblem {
            reporter.error(problem.code, at: file.location, "\(directive) \(file.value): \(problem.text)")
        } catch {
            reporter.error("APUS3001", at: file.location, "\(directive) \(file.value): \(error)")
        }
    }

    /// Certificates and keys in any order: each key goes with the certificate that it fits.
    private func add(_ contents: [UInt8]) throws {
        var certificates: [OpaquePointer] = []
        var keys: [OpaquePointer] = []
        try PEM.visit(contents) { block in
            if block.isCertificate, let certificate = block.certificate() { certificates.append(certificate) }
            guard block.isKey else { return }
            guard !block.isEncrypted, let key = block.key() else {
                throw FileProblem(
                    code: "AH02252",
                    text: "a private key in it is damaged or encrypted; decrypt it with "
                        + "`openssl pkey -in FILE -out NEWFILE`")
            }
            keys.append(key)
        }
        let before = identities.count
        for certificate in certificates {
            guard let key = keys.first(where: { X509_check_private_key(certificate, $0) == 1 }) else { continue }
            identities.append(OwnIdentity(certificate: certificate, key: key))
        }
        ERR_clear_error()
        guard identities.count > before else {
            throw FileProblem(code: "AH02252", text: "no certificate with its private key in it (both in PEM)")
        }
    }

    /// What to show to a server that takes certificates of these authorities; empty: of any.
    func identity(for names: OpaquePointer?) -> OwnIdentity? {
        let count = names.map { cossl_n_names($0) } ?? 0
        guard count > 0 else { return identities.first }
        return identities.first { identity in
            let issuer = X509_get_issuer_name(identity.certificate)
            let isDirect = (0..<count).contains { X509_NAME_cmp(cossl_name(names, $0), issuer) == 0 }
            return isDirect
                || chain.contains { link in
                    X509_check_issued(link, identity.certificate) == X509_V_OK
                        && (0..<count).contains {
                            X509_NAME_cmp(cossl_name(names, $0), X509_get_issuer_name(link)) == 0
                        }
                }
        }
    }
}

/// OpenSSL asks for our certificate; the references are its own then.
private func onWantedIdentity(
    _ ssl: OpaquePointer?, _ certificate: UnsafeMutablePointer<OpaquePointer?>?,
    _ key: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
    guard let peer = UpstreamConnection.of(ssl), let own = peer.context.identity(for: SSL_get_client_CA_list(ssl))
    else {
        return 0
    }
    for link in peer.context.chain { _ = cossl_add1_chain_cert(ssl, link) }
    X509_up_ref(own.certificate)
    EVP_PKEY_up_ref(own.key)
    certificate?.pointee = own.certificate
    key?.pointee = own.key
    return 1
}

private func onVerifyUpstream(_ isGood: Int32, _ store: OpaquePointer?) -> Int32 {
    guard let store, let ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()),
        let peer = UpstreamConnection.of(OpaquePointer(ssl))
    else { return isGood }
    let conf = peer.context.conf
    guard X509_STORE_CTX_get_error_depth(store) <= conf.depth else {
        X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_CHAIN_TOO_LONG)
        return 0
    }
    guard isGood == 0 else { return 1 }
    switch X509_STORE_CTX_get_error(store) {
    case X509_V_ERR_UNABLE_TO_GET_CRL where conf.authorities.toleratesMissingLists: return 1
    // The dates are looked at afterwards, by a rule of their own.
    case X509_V_ERR_CERT_HAS_EXPIRED where !conf.checksExpiry: return 1
    case let problem: return conf.verification == .optionalNoCA && isMissingAuthority(problem) ? 1 : 0
    }
}
