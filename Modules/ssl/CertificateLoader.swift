import COpenSSL
import Glibc
import ModuleKit

/// Puts a server's certificates and keys into its context.
final class CertificateLoader {
    fileprivate let ctx: OpaquePointer
    private let server: Server
    fileprivate let setup: Setup
    private let files: FileSource
    fileprivate let reporter: Reporter
    /// Who is asked for pass phrases.
    private var dialog: PassPhraseDialog?
    /// The digests of the certificates, one after another.
    private(set) var fingerprint: [UInt8] = []
    /// The certificates that were put into the context, with their files.
    fileprivate var used: [(certificate: OpaquePointer, file: Located<String>)] = []
    /// When each of them ends.
    private(set) var served: [ServedCertificate] = []
    /// The file of each kind of key: OpenSSL keeps one certificate of each.
    private var kinds: [Int32: String] = [:]

    init(ctx: OpaquePointer, server: Server, setup: Setup, files: FileSource, reporter: Reporter) {
        self.ctx = ctx
        self.server = server
        self.setup = setup
        self.files = files
        self.reporter = reporter
    }

    func load(_ conf: SSLServerConf, serverAt place: Location) {
        dialog = setup.mayAsk ? conf.phraseDialog ?? .terminal : nil
        if conf.certificates.isEmpty, !conf.commands.contains(where: { $0.value.name.lowercased() == "certificate" }) {
            reporter.error(
                "AH02572", at: place,
                "SSLEngine is on for \(description), which has no certificate; "
                    + "add SSLCertificateFile and SSLCertificateKeyFile")
        }
        for key in conf.keys.dropFirst(conf.certificates.count) {
            reporter.error(
                "APUS3003", at: key.location,
                "SSLCertificateKeyFile \(key.value): there is no SSLCertificateFile for it; "
                    + "give one for each key"
            )
        }
        let extra = conf.chain.flatMap { file in attempt("SSLCertificateChainFile", file) { try read(file) } }
        defer { extra?.free() }
        // A file that is also the certificate's own begins with that, which must not be sent twice.
        let ownsLeaf = conf.certificates.contains { $0.value == conf.chain?.value }
        let intermediates = ownsLeaf ? extra?.chain : extra?.certificates[...]
        for (index, file) in conf.certificates.enumerated() {
            let key = index < conf.keys.count ? conf.keys[index] : nil
            loadPair(file, key, intermediates ?? [], number: index)
        }
    }

    private var description: String {
        server.isVirtual ? "the virtual host \(server.name.string)" : "the main server"
    }

    /// Runs `body`; what it throws is reported at the directive.
    private func attempt<T>(_ directive: String, _ file: Located<String>, _ body: () throws -> T) -> T? {
        do {
            return try body()
        } catch let problem as FileProblem {
            reporter.error(problem.code, at: file.location, "\(directive) \(file.value): \(problem.text)")
        } catch {
            reporter.error("APUS3001", at: file.location, "\(directive) \(file.value): \(error)")
        }
        return nil
    }

    private func attempt(_ directive: String, _ file: Located<String>, _ body: () throws -> Void) {
        let _: Void? = attempt(directive, file, body)
    }

    private func read(_ file: Located<String>) throws -> CertificateFile {
        if TokenStore.isURI(file.value) {
            return CertificateFile(certificate: try TokenStore.certificate(file.value))
        }
        let contents = try CertificateFile(try files.read(file.value))
        guard contents.leaf != nil else {
            contents.free()
            throw FileProblem(code: "AH02561", text: "no PEM certificate in it (-----BEGIN CERTIFICATE-----)")
        }
        return contents
    }

    /// Reads both files before it judges either, so that all mistakes come at once.
    private func loadPair(
        _ file: Located<String>, _ keyFile: Located<String>?, _ intermediates: ArraySlice<OpaquePointer>,
        number: Int
    ) {
        let contents = attempt("SSLCertificateFile", file) { try read(file) }
        defer { contents?.free() }
        let source = keyFile ?? file
        let directive = keyFile == nil ? "SSLCertificateFile" : "SSLCertificateKeyFile"
        guard contents != nil || keyFile != nil else { return }
        let kind = kindName(contents?.leaf, number)
        let key = attempt(directive, source) { try privateKey(source, for: file, kind) }
        defer { EVP_PKEY_free(key) }
        guard let contents, let leaf = contents.leaf else { return }
        inspect(leaf, file)
        if number == 0 { attempt("SSLCertificateFile", file) { try useParameters(contents) } }
        guard let key else { return }
        attempt(directive, source) {
            guard X509_check_private_key(leaf, key) == 1 else { throw mismatch(file) }
            attempt("SSLCertificateFile", file) {
                try use(leaf, key, chain: contents.chain.isEmpty ? intermediates : contents.chain)
                if let own = SSL_CTX_get0_certificate(ctx) { used.append((own, file)) }
            }
        }
    }

    /// How SSLPassPhraseDialog's program is told which key it is.
    private func kindName(_ leaf: OpaquePointer?, _ number: Int) -> String {
        guard number < 3, let leaf else { return "\(number)" }
        return switch EVP_PKEY_get_base_id(X509_get0_pubkey(leaf)) {
        case EVP_PKEY_RSA: "RSA"
        case EVP_PKEY_DSA: "DSA"
        case EVP_PKEY_EC: "ECC"
        default: "\(number)"
        }
    }

    private func privateKey(
        _ source: Located<String>, for file: Located<String>, _ kind: String
    ) throws -> OpaquePointer {
        if TokenStore.isURI(source.value) { return try TokenStore.key(source.value) }
        let port = server.port == 0 ? 443 : server.port
        let request = PhraseRequest(file: source.value, server: "\(server.name.string):\(port)", kind: kind)
        let key = try PEM.key(in: try files.read(source.value)) {
            try setup.phrases.open($0, dialog, request)
        }
        if let key { return key }
        let hint =
            source.value == file.value
            ? "no private key in it; name the key's file with SSLCertificateKeyFile"
            : "no PEM private key in it (-----BEGIN PRIVATE KEY-----)"
        throw FileProblem(code: "AH02564", text: hint)
    }

    private func mismatch(_ file: Located<String>) -> FileProblem {
        let reason = ErrorQueue.takeReason()
        return FileProblem(
            code: "AH02565",
            text: "this key does not belong to the certificate \(file.value) (\(file.location)): \(reason); "
                + "give the keys in the order of their certificates")
    }

    private func use(_ leaf: OpaquePointer, _ key: OpaquePointer, chain: ArraySlice<OpaquePointer>) throws {
        // Without a chain of its own, the authorities that clients are judged by may hold one, as in httpd.
        defer { if chain.isEmpty, cossl_ctx_build_chain(ctx) != 1 { ERR_clear_error() } }
        guard SSL_CTX_use_certificate(ctx, leaf) == 1, SSL_CTX_use_PrivateKey(ctx, key) == 1,
            chain.allSatisfy({ cossl_ctx_add1_chain_cert(ctx, $0) == 1 })
        else {
            throw FileProblem(
                code: "AH02561",
                text: "OpenSSL refuses the certificate: \(ErrorQueue.takeReason()); "
                    + "it wants RSA keys of 2048 bits or more and SHA-2 signatures")
        }
    }

    /// Uses the Diffie-Hellman parameters or the curve that the first file may end with.
    private func useParameters(_ contents: CertificateFile) throws {
        if let parameters = contents.dhParameters {
            // The context takes the reference only when it agrees.
            EVP_PKEY_up_ref(parameters)
            guard SSL_CTX_set0_tmp_dh_pkey(ctx, parameters) == 1 else {
                EVP_PKEY_free(parameters)
                throw FileProblem(
                    code: "APUS3004",
                    text: "OpenSSL refuses the DH parameters in it: \(ErrorQueue.takeReason())")
            }
        }
        if let curve = contents.curve, cossl_ctx_set_groups(ctx, curve) != 1 {
            throw FileProblem(
                code: "APUS3004", text: "OpenSSL refuses the curve \(curve) in it: \(ErrorQueue.takeReason())"
            )
        }
    }

    /// Warns of certificates that will work but not as intended.
    private func inspect(_ leaf: OpaquePointer, _ file: Located<String>) {
        let what = "SSLCertificateFile \(file.value)"
        if let end = X509_get0_notAfter(leaf).flatMap(seconds) {
            let certificate = ServedCertificate(file: file, end: end)
            served.append(certificate)
            if let problem = certificate.problem(at: time(nil)) { reporter.warn("APUS3005", at: file.location, problem) }
        }
        if let start = X509_get0_notBefore(leaf).flatMap(seconds), start > time(nil) {
            reporter.warn(
                "APUS3005", at: file.location, "\(what): the certificate is valid from \(Day.text(start)) on only")
        }
        let name = server.name.string
        if !name.isEmpty, X509_check_host(leaf, name, name.utf8.count, 0, nil) == 0,
            X509_check_ip_asc(leaf, name, 0) != 1
        {
            reporter.warn(
                "AH01909", at: file.location,
                "\(what): the certificate does not name the server \(name); "
                    + "browsers will refuse it under that name")
        }
        let kind = EVP_PKEY_get_base_id(X509_get0_pubkey(leaf))
        if let other = kinds[kind] {
            reporter.warn(
                "APUS3006", at: file.location,
                "\(what): takes the place of \(other), whose key is of the same kind")
        }
        kinds[kind] = file.value
        remember(leaf)
        ERR_clear_error()
    }

    /// Seconds since 1970.
    private func seconds(_ moment: UnsafePointer<ASN1_TIME>) -> Int? {
        var days: Int32 = 0
        var seconds: Int32 = 0
        guard ASN1_TIME_diff(&days, &seconds, nil, moment) == 1 else { return nil }
        return time(nil) + Int(days) * 86400 + Int(seconds)
    }

    private func remember(_ leaf: OpaquePointer) {
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var length: UInt32 = 0
        if X509_digest(leaf, EVP_sha256(), &digest, &length) == 1 {
            fingerprint += digest.prefix(Int(length))
        }
    }
}

extension CertificateLoader {
    /// What is stapled to the certificates of the context.
    func staples(_ conf: SSLServerConf, serverAt place: Location) -> UnsafeBufferPointer<StapleLink> {
        let isOn = conf.stapling.isOn?.value == true
        var links: [StapleLink] = []
        for (certificate, file) in used {
            let slot = isOn ? slot(certificate, file, conf.stapling) : nil
            if let slot { links.append(StapleLink(certificate: certificate, slot: slot)) }
            guard slot == nil, X509_get_ext_by_NID(certificate, NID_tlsfeature, -1) >= 0 else { continue }
            reporter.error(
                "APUS3021", at: file.location,
                "SSLCertificateFile \(file.value): the certificate demands that its OCSP status is stapled (RFC 7633), and "
                    + (isOn ? "nothing can be" : "SSLUseStapling is off; turn it on"))
        }
        let buffer = UnsafeMutableBufferPointer<StapleLink>.allocate(capacity: links.count)
        _ = buffer.initialize(from: links)
        return UnsafeBufferPointer(buffer)
    }

    private func slot(
        _ certificate: OpaquePointer, _ file: Located<String>, _ conf: StaplingConf
    ) -> UnsafeMutablePointer<StapleSlot>? {
        _ = cossl_ctx_select_certificate(ctx, certificate)
        guard let issuers = cossl_certificates_new() else { return nil }
        // One of the authorities that judge clients may be the issuer.
        let authorities = SSL_CTX_get_cert_store(ctx).flatMap { X509_STORE_get1_all_certs($0) }
        defer {
            cossl_certificates_free(issuers)
            cossl_certificates_free_all(authorities)
        }
        for list in [cossl_ctx_chain(ctx), authorities].compactMap({ $0 }) {
            for index in 0..<cossl_n_certificates(list) {
                if let issuer = cossl_certificate(list, index) { _ = cossl_certificates_push(issuers, issuer) }
            }
        }
        return setup.stapler.slot(certificate, issuers: issuers, file, conf, reporter)
    }
}
