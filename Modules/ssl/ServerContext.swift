import COpenSSL
import ModuleKit

/// What a connection needs to know of its server: made in the leader before the fork, never freed.
struct ServerContext {
    let ctx: OpaquePointer
    /// The number of the server that it belongs to.
    let index: Int
    let options: UInt64
    let lowest, highest: Int32
    /// Whether SSLProtocol was given: if not, a name-based host keeps the versions of its address's first
    /// one.
    let ownProtocols: Bool
    /// Servers with the same number have the same protocols and ciphers.
    let policy: Int
}

/// Makes the contexts of servers, reporting everything that is wrong with them.
struct ContextBuilder {
    /// Forward secrecy and authenticated encryption only: Mozilla's "intermediate" without finite-field
    /// Diffie-Hellman, whose cost an attacker can impose on the server for nothing.
    static let standardCiphers =
        "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
        + "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
    static let groups = "X25519:P-256:P-384"

    let process: UnsafeMutablePointer<TLSProcess>
    let reporter: Reporter
    private var policies: [String: Int] = [:]

    init(process: UnsafeMutablePointer<TLSProcess>, reporter: Reporter) {
        self.process = process
        self.reporter = reporter
    }

    /// - Returns: nil when OpenSSL itself has failed; mistakes of the configuration are reported and passed
    /// over.
    mutating func build(_ server: Server, _ conf: SSLServerConf) -> UnsafeMutablePointer<ServerContext>? {
        let place = location(of: server, conf)
        guard let ctx = SSL_CTX_new(TLS_server_method()) else {
            reporter.error("APUS3001", at: place, "OpenSSL cannot make a context: \(ErrorQueue.takeReason())")
            return nil
        }
        let allowed = conf.protocols?.value ?? .standard
        applyDefaults(ctx)
        SessionCache.prepare(ctx, conf)
        applyProtocols(ctx, allowed, at: conf.protocols?.location ?? place)
        applyCiphers(ctx, conf, allowed, at: place)
        if conf.honorsOrder == true { _ = SSL_CTX_set_options(ctx, cossl_op_server_preference) }
        let loader = CertificateLoader(ctx: ctx, server: server, reporter: reporter)
        loader.load(conf, serverAt: place)
        applyIdentity(ctx, server, loader.fingerprint)

        let context = UnsafeMutablePointer<ServerContext>.allocate(capacity: 1)
        context.initialize(
            to: ServerContext(
                ctx: ctx, index: server.index, options: SSL_CTX_get_options(ctx), lowest: allowed.lowest,
                highest: allowed.highest, ownProtocols: conf.protocols != nil, policy: policy(conf, allowed)))
        return context
    }

    /// Where the virtual host begins; for the main server, which has no such place, where SSLEngine stands.
    private func location(of server: Server, _ conf: SSLServerConf) -> Location {
        guard server.line == 0, let engine = conf.engine else {
            return Location(file: server.definedIn.string, line: server.line)
        }
        return engine.location
    }

    private func applyDefaults(_ ctx: OpaquePointer) {
        cossl_ctx_set_mode(ctx, cossl_modes)
        _ = SSL_CTX_set_options(ctx, cossl_op_base)
        _ = cossl_ctx_set_groups(ctx, ContextBuilder.groups)
        cossl_ctx_dh_auto(ctx)
        SSL_CTX_set_client_hello_cb(ctx, onClientHello, nil)
        cossl_ctx_set_server_name_callback(ctx, onServerName)
        SSL_CTX_set_alpn_select_cb(ctx, onProtocols, process)
    }

    private func applyProtocols(_ ctx: OpaquePointer, _ allowed: Protocols, at place: Location) {
        guard !allowed.isEmpty else {
            return reporter.error(
                "AH02231", at: place, "SSLProtocol leaves no protocol; write -all +TLSv1.2 +TLSv1.3")
        }
        // OpenSSL's own configuration may have set limits before.
        let every = cossl_op_no_tls1 | cossl_op_no_tls11 | cossl_op_no_tls12 | cossl_op_no_tls13
        _ = SSL_CTX_clear_options(ctx, every)
        _ = SSL_CTX_set_options(ctx, allowed.holes)
        guard cossl_ctx_set_min_version(ctx, allowed.lowest) == 1,
            cossl_ctx_set_max_version(ctx, allowed.highest) == 1
        else {
            return reporter.error(
                "APUS3002", at: place,
                "SSLProtocol: OpenSSL refuses these versions: \(ErrorQueue.takeReason())")
        }
    }

    private func applyCiphers(
        _ ctx: OpaquePointer, _ conf: SSLServerConf, _ allowed: Protocols, at place: Location
    ) {
        // As httpd does: what encrypts nothing or knows nobody is never wanted.
        let list = conf.ciphers.map { "\($0.value):!aNULL:!eNULL:!EXP" } ?? ContextBuilder.standardCiphers
        if SSL_CTX_set_cipher_list(ctx, list) != 1 {
            refuse("SSLCipherSuite", conf.ciphers, "`openssl ciphers -v` lists the known ones", or: place)
        }
        if let list = conf.ciphers13, SSL_CTX_set_ciphersuites(ctx, list.value) != 1 || !hasTLS13Ciphers(ctx)
        {
            refuse("SSLCipherSuite TLSv1.3", list, "names look like TLS_AES_256_GCM_SHA384", or: place)
        }
    }

    private func refuse(_ directive: String, _ list: Located<String>?, _ hint: String, or place: Location) {
        reporter.error(
            "AH01898", at: list?.location ?? place,
            "\(directive): no cipher can be used from \"\(list?.value ?? "")\": "
                + "\(ErrorQueue.takeReason()); \(hint)"
        )
    }

    private func hasTLS13Ciphers(_ ctx: OpaquePointer) -> Bool {
        guard let ciphers = SSL_CTX_get_ciphers(ctx) else { return false }
        return (0..<cossl_n_ciphers(ciphers)).contains {
            cossl_cipher_is_tls13(cossl_cipher(ciphers, $0)) != 0
        }
    }

    /// Binds sessions to this server: one made with another host, certificate or place is not resumed here.
    private func applyIdentity(_ ctx: OpaquePointer, _ server: Server, _ fingerprint: [UInt8]) {
        let identity = "\(server.name.string)|\(server.port)|\(server.definedIn.string)|\(server.line)"
        let bytes = Array(identity.utf8) + fingerprint
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var length: UInt32 = 0
        guard EVP_Digest(bytes, bytes.count, &digest, &length, EVP_sha256(), nil) == 1 else { return }
        _ = SSL_CTX_set_session_id_context(ctx, digest, min(length, UInt32(SSL_MAX_SID_CTX_LENGTH)))
    }

    private mutating func policy(_ conf: SSLServerConf, _ allowed: Protocols) -> Int {
        let key = "\(allowed.rawValue)|\(conf.ciphers?.value ?? "")|\(conf.ciphers13?.value ?? "")"
        let number = policies[key] ?? policies.count
        policies[key] = number
        return number
    }
}
