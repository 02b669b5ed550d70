import COpenSSL
import ModuleKit

/// What SSLSessionCache says.
enum SessionCacheChoice {
    case none
    /// Nothing is kept, but clients get a session id, which some insist on.
    case noneNotNull
    case shared(ObjectCache)

    init(_ word: Bytes, for command: Command) throws {
        if word.equalsIgnoringCase("none") {
            self = .none
        } else if word.equalsIgnoringCase("nonenotnull") {
            self = .noneNotNull
        } else {
            self = .shared(try ObjectCache(word, for: command))
        }
    }

    /// Lets go of one that another directive overrides.
    func close() {
        if case .shared(let cache) = self { cache.close() }
    }
}

/// Sessions on the server's side, shared by all workers: found by the session id up to TLS 1.2, and by the ticket in TLS 1.3
/// when tickets are off, for then a ticket is nothing but an id. What a ticket holds itself is not kept here.
///
/// A session carries the context that its server gave it (`applyIdentity`), and OpenSSL resumes it nowhere else.
enum SessionCache {
    /// The one of this process; nil: SSLSessionCache names none. Set in the leader, inherited by the workers.
    nonisolated(unsafe) static let current: UnsafeMutablePointer<ObjectCache?> = {
        let place = UnsafeMutablePointer<ObjectCache?>.allocate(capacity: 1)
        place.initialize(to: nil)
        return place
    }()

    /// A session with a client's certificate and a long host name; a longer one is not worth its room.
    static let longestSession = 16 * 1024
    /// What the sessions of most clients come to.
    static let usualSession = 200

    /// Makes or opens the cache; with reason CHECK looks whether that could be.
    static func open(_ host: Host, reason: UInt32) throws {
        let conf = host.mainServer.conf(SSLServerConf.self).pointee
        guard case .shared(let cache)? = conf.sessionCache else { return }
        try cache.open(
            "ssl-session", idLength: Int(SSL_MAX_SSL_SESSION_ID_LENGTH), dataLength: usualSession,
            lifetime: Int64(conf.sessionTimeout) * 1_000_000, reason: reason)
        current.pointee = cache
    }

    /// Tells a context what to do with sessions.
    static func prepare(_ ctx: OpaquePointer, _ conf: SSLServerConf) {
        _ = SSL_CTX_set_timeout(ctx, conf.sessionTimeout)
        switch conf.sessionCache ?? .none {
        case .none: cossl_ctx_set_session_cache_mode(ctx, cossl_session_cache_off)
        case .noneNotNull: cossl_ctx_set_session_cache_mode(ctx, cossl_session_cache_external)
        case .shared:
            // A cache of OpenSSL's own in each worker would grow, and be asked in vain by the others.
            cossl_ctx_set_session_cache_mode(ctx, cossl_session_cache_external)
            SSL_CTX_sess_set_new_cb(ctx, onNewSession)
            SSL_CTX_sess_set_get_cb(ctx, onWantedSession)
            SSL_CTX_sess_set_remove_cb(ctx, onRemovedSession)
        }
    }
}

/// Keeps a session that was just made. OpenSSL keeps its reference when the answer is 0.
private func onNewSession(_ ssl: OpaquePointer?, _ session: OpaquePointer?) -> Int32 {
    guard let cache = SessionCache.current.pointee, let tls = tlsConnection(of: ssl), !isInTicket(ssl) else { return 0 }
    var idLength: UInt32 = 0
    guard let id = SSL_SESSION_get_id(session, &idLength), idLength > 0 else { return 0 }
    let length = Int(i2d_SSL_SESSION(session, nil))
    guard length > 0, length <= SessionCache.longestSession else { return 0 }
    let lifetime = SSL_CTX_get_timeout(tls.pointee.context.pointee.ctx)
    let expires = Int64(SSL_SESSION_get_time(session) + lifetime) * 1_000_000
    withUnsafeTemporaryAllocation(byteCount: length, alignment: 1) { buffer in
        var place = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
        i2d_SSL_SESSION(session, &place)
        let status = cache.store(Bytes(id, count: Int(idLength)), expires: expires, Bytes(UnsafeRawBufferPointer(buffer)))
        tls.logSession("store", status == .ok ? "done" : "failed", Bytes(id, count: Int(idLength)))
        OPENSSL_cleanse(buffer.baseAddress, length)
    }
    return 0
}

/// Whether the session travels in tickets alone: in TLS 1.3 OpenSSL tells about those, too.
private func isInTicket(_ ssl: OpaquePointer?) -> Bool {
    SSL_version(ssl) == TLS1_3_VERSION && SSL_get_options(ssl) & cossl_op_no_ticket == 0
}

/// Finds a session that a client wants to go on with. OpenSSL gets a reference of its own.
private func onWantedSession(
    _ ssl: OpaquePointer?, _ id: UnsafePointer<UInt8>?, _ length: Int32, _ copy: UnsafeMutablePointer<Int32>?
) -> OpaquePointer? {
    copy?.pointee = 0
    guard let cache = SessionCache.current.pointee, let id, length > 0, let tls = tlsConnection(of: ssl) else {
        return nil
    }
    let wanted = Bytes(id, count: Int(length))
    let session = cache.mayBlock ? tls.pointee.lookup?.takeSession(wanted) : tls.session(wanted, from: cache)
    tls.logSession("retrieve", session == nil ? "misses" : "finds", wanted)
    return session
}

extension UnsafeMutablePointer<TLSConnection> {
    fileprivate func session(_ id: Bytes, from cache: ObjectCache) -> OpaquePointer? {
        var data = Bytes.none
        guard cache.retrieve(id, in: connection.pool, &data, done: { _, _, _ in }) == .ok else { return nil }
        let session = DecodedSessions.session(id, data)
        OPENSSL_cleanse(UnsafeMutableRawPointer(mutating: data.ptr), data.count)
        return session
    }
}

private func onRemovedSession(_ ctx: OpaquePointer?, _ session: OpaquePointer?) {
    var length: UInt32 = 0
    guard let cache = SessionCache.current.pointee, let id = SSL_SESSION_get_id(session, &length), length > 0 else {
        return
    }
    cache.remove(Bytes(id, count: Int(length)))
}

/// What was stored, as OpenSSL's; nil: it is not of this version of OpenSSL.
func decodeSession(_ data: Bytes) -> OpaquePointer? {
    var place = data.ptr.map { UnsafeRawPointer($0).assumingMemoryBound(to: UInt8.self) }
    let session = d2i_SSL_SESSION(nil, &place, data.count)
    ErrorQueue.clear()
    return session
}
