import COpenSSL
@_spi(Draft) import ModuleKit

/// Refuses a request that came to one server's TLS and asks for another with other rules (RFC 9110 section
/// 15.5.20): the client must not get with a lax server's handshake what a strict one guards.
func checkDirection(of request: Request) -> Status {
    guard let state = request.connection.transport("tls") else { return .declined }
    let tls = state.assumingMemoryBound(to: TLSConnection.self)
    tls.logRequest(request)
    let server = request.server
    let index = server.index
    if tls.serverName == nil, tls.pointee.context.pointee.strictNames || tls.isStrict(index) {
        Log(host: request.host).write(
            .error, code: "AH02033", request: request,
            "the client named no host in its handshake (SNI), which SSLStrictSNIVHostCheck demands")
        return .status(403)
    }
    guard index != tls.pointee.serverIndex else { return .declined }
    let process = tls.pointee.process
    if let context = process.pointee.context(index),
        context.allows(process.pointee.namePolicy, with: tls.pointee.context)
    {
        return .declined
    }
    Log(host: request.host).write(
        .error, code: "AH02032", request: request,
        "the connection was made for \(tls.requestedName ?? "the address's first host"), "
            + "whose TLS setup differs from that of \(server.name.string), which the request asks for")
    return .status(421)
}

extension UnsafeMutablePointer<TLSConnection> {
    fileprivate func isStrict(_ index: Int) -> Bool {
        pointee.process.pointee.context(index)?.pointee.strictNames ?? false
    }
}

extension UnsafeMutablePointer<ServerContext> {
    /// Whether a handshake made with `other` satisfies this server.
    fileprivate func allows(_ policy: NamePolicy, with other: UnsafeMutablePointer<ServerContext>) -> Bool {
        let knowsClients = pointee.clientPolicy == other.pointee.clientPolicy
        return switch policy {
        case .strict: pointee.index == other.pointee.index
        case .secure: knowsClients && pointee.identityPolicy == other.pointee.identityPolicy
        case .authonly: knowsClients
        case .insecure: true
        }
    }
}
