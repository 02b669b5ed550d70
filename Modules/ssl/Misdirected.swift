import COpenSSL
import ModuleKit

/// Refuses a request that came to one server's TLS and asks for another with other rules (RFC 9110 section
/// 15.5.20): the client must not get with a lax server's handshake what a strict one guards.
func checkDirection(of request: Request) -> Status {
    guard let state = request.connection.transport("tls") else { return .declined }
    let tls = state.assumingMemoryBound(to: TLSConnection.self)
    let server = request.server
    let index = server.index
    guard index != tls.pointee.serverIndex else { return .declined }
    if let context = tls.pointee.process.pointee.context(index),
        context.isCompatible(with: tls.pointee.context)
    {
        return .declined
    }
    Log(host: request.host).write(
        .error, code: "AH02032", request: request,
        "the connection was made for \(tls.requestedName ?? "the address's first host"), "
            + "whose TLS setup differs from that of \(server.name.string), which the request asks for")
    return .status(421)
}

extension UnsafeMutablePointer<ServerContext> {
    /// Whether a handshake made with `other` satisfies this server. Which certificate was shown does not
    /// matter: the client has judged it.
    fileprivate func isCompatible(with other: UnsafeMutablePointer<ServerContext>) -> Bool {
        pointee.policy == other.pointee.policy
    }
}
