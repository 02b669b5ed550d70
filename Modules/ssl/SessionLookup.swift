import COpenSSL
import Glibc
@_spi(Draft) import ModuleKit

/// The look-up of a session in a cache whose answer may take a while. OpenSSL's own callback must answer at once, so the
/// handshake stops at the ClientHello (`SSL_CLIENT_HELLO_RETRY`) until the answer is there. Raw memory of its own, for the
/// answer may come when the connection has gone.
struct SessionLookup {
    /// nil: the connection has gone.
    fileprivate var tls: TLS?
    fileprivate var task: SuspendedTask?
    fileprivate var session: OpaquePointer?
    fileprivate var isWaiting = false

    /// Asks for the session that a ClientHello wants to go on with, the first time it is looked at.
    /// - Returns: what the ClientHello callback should return.
    static func begin(_ tls: TLS) -> Int32 {
        guard let cache = SessionCache.current.pointee, cache.mayBlock else { return SSL_CLIENT_HELLO_SUCCESS }
        if let lookup = tls.pointee.lookup {
            return lookup.pointee.isWaiting ? SSL_CLIENT_HELLO_RETRY : SSL_CLIENT_HELLO_SUCCESS
        }
        guard let id = ClientHello(tls).wantedSession else { return SSL_CLIENT_HELLO_SUCCESS }
        let lookup = UnsafeMutablePointer<SessionLookup>.allocate(capacity: 1)
        lookup.initialize(to: SessionLookup())
        lookup.pointee.tls = tls
        tls.pointee.lookup = lookup
        var data = Bytes.none
        let status = cache.retrieve(id, in: tls.connection.pool, &data, context: lookup, done: onAnswer)
        switch status {
        case .ok: lookup.pointee.session = decodeSession(data)
        case .suspended:
            lookup.pointee.isWaiting = true
            guard let task = try? tls.connection.suspendHandshake() else {
                // The answer will find nobody, and the handshake is a full one.
                tls.pointee.lookup = nil
                lookup.end()
                return SSL_CLIENT_HELLO_SUCCESS
            }
            lookup.pointee.task = task
            return SSL_CLIENT_HELLO_RETRY
        default: break
        }
        return SSL_CLIENT_HELLO_SUCCESS
    }

    private static let onAnswer: apus_socache_done_fn = { ctx, status, data in
        let lookup = ctx.unsafelyUnwrapped.assumingMemoryBound(to: SessionLookup.self)
        guard lookup.pointee.tls != nil else { return lookup.free() }
        lookup.pointee.isWaiting = false
        if status == APUS_OK { lookup.pointee.session = decodeSession(data) }
        lookup.pointee.task?.resume(.ok)
    }
}

extension UnsafeMutablePointer<SessionLookup> {
    /// The session that was found, if it is the wanted one; it is the caller's then.
    func takeSession(_ id: Bytes) -> OpaquePointer? {
        guard let session = pointee.session else { return nil }
        var length: UInt32 = 0
        guard let its = SSL_SESSION_get_id(session, &length), Bytes(its, count: Int(length)) == id else { return nil }
        pointee.session = nil
        return session
    }

    /// The connection goes. An answer that is still to come finds nobody.
    func end() {
        if pointee.isWaiting { pointee.tls = nil } else { free() }
    }

    fileprivate func free() {
        SSL_SESSION_free(pointee.session)
        deinitialize(count: 1)
        deallocate()
    }
}

/// What a ClientHello says about the session that it wants to go on with, read before OpenSSL has decided about anything.
private struct ClientHello {
    private let ssl: OpaquePointer

    /// The length of a ticket that is nothing but an id.
    private static let idLength = 32

    init(_ tls: TLS) { ssl = tls.pointee.ssl }

    /// The id; nil: there is none to look for.
    var wantedSession: Bytes? {
        if let ticket = firstTicket { return ticket.count == ClientHello.idLength ? ticket : nil }
        if let ticket = field(TLSEXT_TYPE_session_ticket), !ticket.isEmpty,
            SSL_get_options(ssl) & cossl_op_no_ticket == 0
        {
            return nil
        }
        var id: UnsafePointer<UInt8>?
        let length = SSL_client_hello_get0_session_id(ssl, &id)
        // In TLS 1.3 this id means nothing (RFC 8446 appendix D.4).
        guard let id, length > 0, !agreesOnTLS13 else { return nil }
        return Bytes(id, count: length)
    }

    /// The first identity of a pre_shared_key extension (RFC 8446 section 4.2.11).
    private var firstTicket: Bytes? {
        guard let keys = field(TLSEXT_TYPE_psk), keys.count > 4 else { return nil }
        let length = Int(keys[2]) << 8 | Int(keys[3])
        guard length > 0, 4 + length <= keys.count else { return nil }
        return keys[4..<4 + length]
    }

    /// Whether TLS 1.3 will be spoken (supported_versions, RFC 8446 section 4.2.1).
    private var agreesOnTLS13: Bool {
        guard SSL_get_options(ssl) & cossl_op_no_tls13 == 0, let versions = field(TLSEXT_TYPE_supported_versions) else {
            return false
        }
        let highest = cossl_get_max_version(ssl)
        guard highest == 0 || highest >= TLS1_3_VERSION else { return false }
        return stride(from: 1, to: versions.count - 1, by: 2).contains { versions[$0] == 3 && versions[$0 + 1] == 4 }
    }

    private func field(_ type: Int32) -> Bytes? {
        var bytes: UnsafePointer<UInt8>?
        var count = 0
        guard SSL_client_hello_get0_ext(ssl, UInt32(type), &bytes, &count) == 1, let bytes else { return nil }
        return Bytes(bytes, count: count)
    }
}
