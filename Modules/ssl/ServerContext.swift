import COpenSSL
import ModuleKit

/// What a connection needs to know of its server: made in the leader before the fork, and again when files change.
struct ServerContext {
    let ctx: OpaquePointer
    /// The number of the server that it belongs to.
    let index: Int
    let options: UInt64
    let lowest, highest: Int32
    /// Whether SSLProtocol was given: if not, a name-based host keeps the versions of its address's first
    /// one.
    let ownProtocols: Bool
    /// Servers with the same number have the same certificates, protocols and ciphers.
    let identityPolicy: Int
    /// Servers with the same number know clients in the same way.
    let clientPolicy: Int
    let asks: ClientQuestion
    let toleratesMissingLists: Bool
    /// How clients are looked up with responders; nil: they are not.
    let clientStatus: Unmanaged<ClientStatusRules>?
    /// Clients that name no host are refused.
    let strictNames: Bool
    /// What ALPN offers.
    let protocols: OfferedProtocols
    /// The keys of SSLSessionTicketKeyFile.
    var ticketKeys: UnsafeMutablePointer<TicketKeyRing>?
    /// What is stapled to handshakes with each certificate.
    var staples: UnsafeBufferPointer<StapleLink>
    /// What is shown to clients.
    let certificates: [ServedCertificate]

    func staple(for certificate: OpaquePointer?) -> UnsafeMutablePointer<StapleSlot>? {
        staples.first { $0.certificate == certificate }?.slot
    }
}

/// A certificate in a context, and what is stapled to it.
struct StapleLink {
    let certificate: OpaquePointer
    let slot: UnsafeMutablePointer<StapleSlot>
}

/// Makes the contexts of servers, reporting everything that is wrong with them.
struct ContextBuilder {
    /// Forward secrecy and authenticated encryption only: Mozilla's "intermediate" without finite-field
    /// Diffie-Hellman, whose cost an attacker can impose on the server for nothing.
    static let standardCiphers =
        "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
        + "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
    static let groups = "X25519:P-256:P-384"

    let setup: Setup
    let files: FileSource
    let reporter: Reporter

    /// - Returns: nil when OpenSSL itself has failed; mistakes of the configuration are reported and passed
    /// over.
    func build(_ server: Server, _ conf: SSLServerConf) -> UnsafeMutablePointer<ServerContext>? {
        let place = location(of: server, conf)
        guard let ctx = SSL_CTX_new(TLS_server_method()) else {
            reporter.error("APUS3001", at: place, "OpenSSL cannot make a context: \(ErrorQueue.takeReason())")
            return nil
        }
        let allowed = conf.protocols?.value ?? .standard
        setup.host.log.write(.trace3, server: server, "a context for \(allowed.names) is made")
        applyDefaults(ctx, conf)
        SessionCache.prepare(ctx, conf)
        applyProtocols(ctx, allowed, at: conf.protocols?.location ?? place)
        applyCiphers(ctx, server, conf, allowed, at: place)
        let clients = ClientAuthorities(ctx: ctx, files: files, reporter: reporter)
        clients.load(conf.clients, serverAt: place)
        let loader = CertificateLoader(ctx: ctx, server: server, setup: setup, files: files, reporter: reporter)
        loader.load(conf, serverAt: place)
        // Kept as long as the context may be used: as the process.
        if let passwords = RemotePasswords(conf, ctx, files, reporter) { _ = Unmanaged.passRetained(passwords) }
        ConfCommands.apply(conf.commands, to: ctx, reporter)
        applyIdentity(ctx, server, conf, loader.fingerprint + clients.fingerprint)

        let context = UnsafeMutablePointer<ServerContext>.allocate(capacity: 1)
        context.initialize(
            to: ServerContext(
                ctx: ctx, index: server.index, options: SSL_CTX_get_options(ctx), lowest: allowed.lowest,
                highest: allowed.highest, ownProtocols: conf.protocols != nil,
                identityPolicy: setup.policy(identity(conf, allowed)),
                clientPolicy: setup.policy(clientIdentity(conf)),
                asks: ClientQuestion(conf.clients), toleratesMissingLists: conf.clients.toleratesMissingLists,
                clientStatus: clients.statusRules(conf.clients.ocsp), strictNames: conf.strictNames,
                protocols: OfferedProtocols(server, Host(raw: server.host)),
                ticketKeys: ticketKeys(server, conf), staples: loader.staples(conf, serverAt: place),
                certificates: loader.served))
        return context
    }

    /// Where the virtual host begins; for the main server, which has no such place, where SSLEngine stands.
    private func location(of server: Server, _ conf: SSLServerConf) -> Location {
        guard server.line == 0, let engine = conf.engine else {
            return Location(file: server.definedIn.string, line: server.line)
        }
        return engine.location
    }

    private func applyDefaults(_ ctx: OpaquePointer, _ conf: SSLServerConf) {
        cossl_ctx_set_mode(ctx, cossl_modes)
        _ = SSL_CTX_set_options(ctx, cossl_op_base)
        if conf.honorsOrder { _ = SSL_CTX_set_options(ctx, cossl_op_server_preference) }
        if !conf.usesTickets { _ = SSL_CTX_set_options(ctx, cossl_op_no_ticket) }
        _ = cossl_ctx_set_groups(ctx, ContextBuilder.groups)
        cossl_ctx_dh_auto(ctx)
        SSL_CTX_set_client_hello_cb(ctx, onClientHello, nil)
        cossl_ctx_set_server_name_callback(ctx, onServerName)
        SSL_CTX_set_alpn_select_cb(ctx, onProtocols, nil)
        if conf.ticketKeyFile != nil || setup.process.pointee.tickets != nil {
            cossl_ctx_set_ticket_key_callback(ctx, onTicketKey)
        }
        cossl_ctx_set_status_callback(ctx, onStatusRequest)
        SSL_CTX_set_verify(ctx, conf.clients.mode.mode, onVerify)
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
        _ ctx: OpaquePointer, _ server: Server, _ conf: SSLServerConf, _ allowed: Protocols, at place: Location
    ) {
        let list = conf.ciphers.map { CipherList.guarded($0.value) } ?? ContextBuilder.standardCiphers
        setup.host.log.write(.trace1, server: server, "ciphers up to TLS 1.2: \(list)")
        if SSL_CTX_set_cipher_list(ctx, list) != 1 {
            refuse("SSLCipherSuite", conf.ciphers, "`openssl ciphers -v` lists the known ones", or: place)
        }
        if let list = conf.ciphers13, SSL_CTX_set_ciphersuites(ctx, list.value) != 1 || !hasTLS13Ciphers(ctx) {
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

    /// Binds sessions to this server as it is: one made with another host, certificate, authority or revocation list,
    /// or when other things were asked of clients, is not resumed here.
    private func applyIdentity(_ ctx: OpaquePointer, _ server: Server, _ conf: SSLServerConf, _ fingerprint: [UInt8]) {
        // Nothing of this machine alone: servers that share ticket keys resume each other's sessions.
        let commands = conf.commands.map { "\($0.value.name)=\($0.value.value)" }.joined(separator: "|")
        let identity = "\(server.name.string)|\(server.port)|\(conf.clients.question)|\(commands)"
        let bytes = Array(identity.utf8) + fingerprint
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var length: UInt32 = 0
        guard EVP_Digest(bytes, bytes.count, &digest, &length, EVP_sha256(), nil) == 1 else { return }
        _ = SSL_CTX_set_session_id_context(ctx, digest, min(length, UInt32(SSL_MAX_SID_CTX_LENGTH)))
    }

    private func identity(_ conf: SSLServerConf, _ allowed: Protocols) -> String {
        let files = conf.certificates.map(\.value).sorted() + ["|"] + conf.keys.map(\.value).sorted()
        return "identity|\(allowed.rawValue)|\(conf.ciphers?.value ?? "")|\(conf.ciphers13?.value ?? "")|"
            + files.joined(separator: "|")
    }

    private func clientIdentity(_ conf: SSLServerConf) -> String {
        let commands = conf.commands.map { "\($0.value.name)=\($0.value.value)" }
        return "clients|\(conf.clients.identity)|\(conf.verifierFile?.value ?? "")|\(commands.joined(separator: "|"))"
    }

    /// The keys of SSLSessionTicketKeyFile. The key before a change goes on opening tickets.
    private func ticketKeys(_ server: Server, _ conf: SSLServerConf) -> UnsafeMutablePointer<TicketKeyRing>? {
        guard let file = conf.ticketKeyFile else { return nil }
        do {
            let bytes = try files.read(file.value)
            guard let key = TicketKey(file: bytes) else {
                throw FileProblem(
                    code: "AH02287",
                    text: "holds \(bytes.count) bytes where a ticket key has \(TicketKey.fileLength); "
                        + "make one with `openssl rand -out FILE \(TicketKey.fileLength)`")
            }
            let former = setup.process.pointee.context(server.index)?.pointee.ticketKeys?.pointee.sealing
            let ring = UnsafeMutablePointer<TicketKeyRing>.allocate(capacity: 1)
            ring.initialize(to: TicketKeyRing(key, previous: former))
            return ring
        } catch let problem as FileProblem {
            reporter.error(problem.code, at: file.location, "SSLSessionTicketKeyFile \(file.value): \(problem.text)")
        } catch {
            reporter.error("AH02286", at: file.location, "SSLSessionTicketKeyFile \(file.value): \(error)")
        }
        return nil
    }
}

enum CipherList {
    /// As httpd does: what encrypts nothing or knows nobody is never wanted.
    static func guarded(_ list: String) -> String { "\(list):!aNULL:!eNULL:!EXP" }
}
