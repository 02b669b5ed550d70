import COpenSSL
import Glibc
import ModuleABI.Draft
@_spi(Draft) import ModuleKit

// The handshake and what is decided in it: the server by SNI, the protocol by ALPN.

/// The transport's `handshake`.
func shakeHands(_ state: UnsafeMutableRawPointer?) -> apus_status {
    let tls = state.unsafelyUnwrapped.assumingMemoryBound(to: TLSConnection.self)
    ErrorQueue.clear()
    let outcome = SSL_do_handshake(tls.pointee.ssl)
    if outcome == 1, tls.pointee.context.pointee.clientStatus != nil, let status = checkStatus(tls) { return status }
    if outcome == 1 {
        tls.logAgreement()
        count(tls)
        // The client's request came with the end of its handshake: the session tickets go with the response.
        if tls.hasInput, !tls.pointee.blocked {
            tls.deferOutput()
            return APUS_OK
        }
        return tls.flush()
    }
    switch SSL_get_error(tls.pointee.ssl, outcome) {
    case SSL_ERROR_WANT_READ: return tls.flush() == APUS_E_CLOSED ? APUS_E_CLOSED : APUS_AGAIN
    case SSL_ERROR_WANT_CLIENT_HELLO_CB: return APUS_SUSPENDED
    case SSL_ERROR_SSL:
        tls.pointee.process.pointee.counts?.countFailure()
        return refuse(tls)
    default:
        tls.pointee.process.pointee.counts?.countFailure()
        logFailure(tls, "AH02008", "the client left during the handshake", reason: "connection closed")
        ERR_clear_error()
        tls.dropOutput()
        return APUS_E_CLOSED
    }
}

/// Once for each handshake: its last bytes may take several turns to leave.
private func count(_ tls: TLS) {
    guard !tls.pointee.isCounted else { return }
    tls.pointee.isCounted = true
    tls.pointee.process.pointee.counts?.count(isResumed: cossl_session_reused(tls.pointee.ssl) != 0)
}

/// Waits until the client's certificate has been looked up with its responder.
/// - Returns: nil: the client is welcome.
private func checkStatus(_ tls: TLS) -> apus_status? {
    if tls.pointee.clientStatus == nil {
        guard ClientStatus.isWanted(of: tls) else { return nil }
        guard let task = try? tls.connection.suspendHandshake() else { return APUS_E_FAIL }
        ClientStatus.begin(tls) { task.resume(.ok) }
    }
    return tls.statusOfClient
}

extension UnsafeMutablePointer<TLSConnection> {
    /// What the look-up means for the handshake; nil: the client is welcome.
    fileprivate var statusOfClient: apus_status? {
        guard let status = pointee.clientStatus?.takeUnretainedValue() else { return nil }
        guard status.isOver else { return flush() == APUS_E_CLOSED ? APUS_E_CLOSED : APUS_SUSPENDED }
        guard let problem = status.problem else { return nil }
        logFailure(self, "AH01926", "the client's certificate is refused", reason: problem)
        return APUS_E_FAIL
    }

    func endClientStatus() {
        guard let status = pointee.clientStatus else { return }
        status.takeUnretainedValue().abandon()
        status.release()
        pointee.clientStatus = nil
    }
}

private func refuse(_ tls: TLS) -> apus_status {
    if ErrorQueue.holds(SSL_R_HTTP_REQUEST) || ErrorQueue.holds(SSL_R_HTTPS_PROXY_REQUEST) {
        ERR_clear_error()
        tls.dropOutput()
        // The host answers in clear, and says so in the log.
        return APUS_DECLINED
    }
    logFailure(tls, "AH02008", "handshake failed")
    // The alert that says why.
    return tls.flush() == APUS_AGAIN ? APUS_E_CLOSED : APUS_E_FAIL
}

/// One line about a connection that went wrong; empties the error queue.
func logFailure(_ tls: TLS, _ code: StaticString, _ what: String, reason: String? = nil) {
    let process = tls.pointee.process
    Log(host: process.pointee.host).write(
        .info, code: code, connection: tls.connection,
        "\(what): \(reason ?? ErrorQueue.takeReason()) (peer \(tls.connection.peerAddress.string):"
            + "\(tls.connection.peerPort), SNI \(tls.requestedName ?? "none")"
            + "\(tls.pointee.offer.map { "; \($0)" } ?? ""))")
    ErrorQueue.clear()
}

extension UnsafeMutablePointer<TLSConnection> {
    var connection: Connection { Connection(pointee.conn, host: pointee.process.pointee.host) }

    /// The name that the client asked for.
    var serverName: UnsafePointer<CChar>? { SSL_get_servername(pointee.ssl, TLSEXT_NAMETYPE_host_name) }

    /// The same for messages. OpenSSL has forgotten or not yet read it when a handshake fails early.
    var requestedName: String? {
        serverName.map { String(cString: $0) } ?? (pointee.nameMatched ? connection.server.name.string : nil)
    }
}

/// The connection behind an SSL.
func tlsConnection(of ssl: OpaquePointer?) -> TLS? {
    SSL_get_ex_data(ssl, 0)?.assumingMemoryBound(to: TLSConnection.self)
}

/// Chooses the server by the name in the ClientHello, before OpenSSL has looked at anything else in it: the
/// server's protocols, its ciphers and whose sessions may be resumed all depend on it.
func onClientHello(
    _ ssl: OpaquePointer?, _ alert: UnsafeMutablePointer<Int32>?, _ argument: UnsafeMutableRawPointer?
) -> Int32 {
    guard let tls = tlsConnection(of: ssl) else { return SSL_CLIENT_HELLO_SUCCESS }
    // It is called again when the look-up of a session is over.
    if tls.pointee.lookup == nil { chooseServer(tls) }
    return SessionLookup.begin(tls)
}

private func chooseServer(_ tls: TLS) {
    var bytes: UnsafePointer<UInt8>?
    var count = 0
    var name: Bytes?
    if SSL_client_hello_get0_ext(tls.pointee.ssl, UInt32(TLSEXT_TYPE_server_name), &bytes, &count) == 1 {
        name = hostName(UnsafeRawBufferPointer(start: bytes, count: count))
    }
    let server = name.flatMap { tls.connection.selectServer(named: $0) }
    if let server { use(server, tls) }
    tls.learnLoudness()
    tls.logServer(named: name)
    HandshakeLog.note(tls)
}

private func use(_ server: Server, _ tls: TLS) {
    tls.pointee.nameMatched = true
    tls.pointee.serverIndex = server.index
    if let context = tls.pointee.process.pointee.context(server.index), context != tls.pointee.context {
        tls.use(context)
    }
}

/// The host name of a server_name extension (RFC 6066 section 3). OpenSSL refuses a malformed one by itself,
/// later.
private func hostName(_ list: UnsafeRawBufferPointer) -> Bytes? {
    guard list.count > 5, list[2] == TLSEXT_NAMETYPE_host_name else { return nil }
    let length = Int(list[3]) << 8 | Int(list[4])
    guard Int(list[0]) << 8 | Int(list[1]) == list.count - 2, length == list.count - 5 else { return nil }
    let name = UnsafeRawBufferPointer(rebasing: list[5...])
    return name.contains(0) ? nil : Bytes(name)
}

extension UnsafeMutablePointer<TLSConnection> {
    /// Goes on with another server's context. SSL_set_SSL_CTX brings its certificates, ciphers and session
    /// identity; options, protocol versions and what is asked of clients were copied when the connection began and
    /// are brought here.
    fileprivate func use(_ context: UnsafeMutablePointer<ServerContext>) {
        guard SSL_set_SSL_CTX(pointee.ssl, context.pointee.ctx) != nil else { return }
        pointee.context = context
        pointee.asked = context.pointee.asks
        SSL_set_verify(pointee.ssl, context.pointee.asks.verification.mode, onVerify)
        let own = cossl_op_server_preference | cossl_op_no_ticket
        _ = SSL_clear_options(pointee.ssl, own)
        _ = SSL_set_options(pointee.ssl, context.pointee.options & own)
        guard context.pointee.ownProtocols else { return }
        let versions = cossl_op_no_tls1 | cossl_op_no_tls11 | cossl_op_no_tls12 | cossl_op_no_tls13
        _ = SSL_clear_options(pointee.ssl, versions)
        _ = SSL_set_options(pointee.ssl, context.pointee.options & versions)
        _ = cossl_set_min_version(pointee.ssl, context.pointee.lowest)
        _ = cossl_set_max_version(pointee.ssl, context.pointee.highest)
    }
}

/// Tells the client, and the session, whether its name was used.
func onServerName(
    _ ssl: OpaquePointer?, _ alert: UnsafeMutablePointer<Int32>?, _ argument: UnsafeMutableRawPointer?
) -> Int32 {
    guard let tls = tlsConnection(of: ssl), tls.pointee.nameMatched else { return SSL_TLSEXT_ERR_NOACK }
    // OpenSSL took the time of the address's first host.
    if cossl_session_reused(tls.pointee.ssl) == 0, let session = SSL_get_session(ssl) {
        SSL_SESSION_set_timeout(session, SSL_CTX_get_timeout(tls.pointee.context.pointee.ctx))
    }
    return SSL_TLSEXT_ERR_OK
}

/// Chooses the protocol by the server's preference, or the client's. A client that offers none of ours is refused (RFC 7301
/// section 3.2): what it wants to speak is not HTTP.
func onProtocols(
    _ ssl: OpaquePointer?, _ chosen: UnsafeMutablePointer<UnsafePointer<UInt8>?>?,
    _ chosenLength: UnsafeMutablePointer<UInt8>?, _ offered: UnsafePointer<UInt8>?, _ offeredLength: UInt32,
    _ argument: UnsafeMutableRawPointer?
) -> Int32 {
    guard let tls = tlsConnection(of: ssl) else { return SSL_TLSEXT_ERR_NOACK }
    let protocols = tls.pointee.context.pointee.protocols
    let ours = protocols.names
    var place: UnsafeMutablePointer<UInt8>?
    // The first of its two lists decides.
    let outcome =
        protocols.areInOrder
        ? SSL_select_next_proto(&place, chosenLength, ours.baseAddress, UInt32(ours.count), offered, offeredLength)
        : SSL_select_next_proto(&place, chosenLength, offered, offeredLength, ours.baseAddress, UInt32(ours.count))
    chosen.unsafelyUnwrapped.pointee = UnsafePointer(place)
    return outcome == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL
}

/// What a server offers in ALPN: those protocols that Protocols names and that a module speaks, and the host's own.
struct OfferedProtocols: BitwiseCopyable {
    /// In the wire format of ALPN. Lives as long as the process.
    let names: UnsafeBufferPointer<UInt8>
    /// Whether our order counts.
    let areInOrder: Bool

    init(_ server: Server, _ host: Host) {
        // A client limited to HTTP/1.0 says so in ALPN, and the host answers it as it does without TLS.
        var spoken: Set = ["http/1.1", "http/1.0"]
        host.eachProvider(APUS_GROUP_PROTOCOL) { name, _ in spoken.insert(name.string) }
        let offered = (server.protocols.map(String.init) + ["http/1.0"]).filter { spoken.contains($0) }
        let wire = offered.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
        let place = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: wire.count)
        _ = place.initialize(from: wire)
        names = UnsafeBufferPointer(place)
        areInOrder = server.honorsProtocolOrder
    }
}
