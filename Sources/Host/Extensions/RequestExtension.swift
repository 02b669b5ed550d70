import ByteKit
import ModuleABI

/// apus/request.h
enum RequestExtension {
    static let table = apus_request_v1(
        size: Extensions.size(apus_request_v1.self), reserved: 0,
        get: { r, field in string(.of(r), field) },
        set: { r, field, value in setString(.of(r), field, value) },
        number: { r, field in number(.of(r), field) },
        set_number: { r, field, value in setNumber(.of(r), field, value) },
        server: { r in Request.Ref.of(r).pointee.server.handle },
        conn: { r in Request.Ref.of(r).pointee.conn.handle },
        pool: { r in Request.Ref.of(r).pointee.arena.handle },
        main: { r in Request.Ref.of(r).pointee.main?.handle },
        previous: { r in Request.Ref.of(r).pointee.previous?.handle },
        slot: { r, host in Request.Ref.of(r).pointee.slots?[HostRecord.of(host).pointee.index] },
        set_slot: { r, host, value in
            let r = Request.Ref.of(r)
            if r.pointee.slots == nil { r.pointee.slots = newSlots(r.pointee.arena) }
            r.pointee.slots?[HostRecord.of(host).pointee.index] = value
        },
        dir_conf: { r, host in Request.Ref.of(r).pointee.conf.pointee.vector[HostRecord.of(host).pointee.index] },
        server_conf: { r, host in Request.Ref.of(r).pointee.server.pointee.conf[HostRecord.of(host).pointee.index] },
        conf_identity: { r in Request.Ref.of(r).pointee.conf.pointee.identity },
        is_own_host: { r, host, port in VirtualHosts.isOwn(.of(r), host, Int32(truncatingIfNeeded: port)) ? 1 : 0 },
        preconditions: { r in Preconditions.check(.of(r)) })

    static func newSlots(_ arena: Arena.Ref) -> UnsafeMutablePointer<UnsafeMutableRawPointer?> {
        let count = theWorker.pointee.modules.count
        let slots = arena.allocate(UnsafeMutableRawPointer?.self, count: count)
        slots.initialize(repeating: nil, count: count)
        return slots
    }

    private static func string(_ r: Request.Ref, _ field: UInt32) -> Bytes {
        switch field {
        case APUS_R_METHOD: r.pointee.method
        case APUS_R_TARGET: r.pointee.target
        case APUS_R_PATH: r.pointee.path
        case APUS_R_QUERY: r.pointee.query
        case APUS_R_PROTOCOL: r.pointee.protocolName
        case APUS_R_SCHEME: AbsoluteURL.scheme(r)
        case APUS_R_HOST: r.pointee.host
        case APUS_R_REQUEST_LINE: r.pointee.requestLine
        case APUS_R_FILENAME: r.pointee.filename
        case APUS_R_PATH_INFO: r.pointee.pathInfo
        case APUS_R_HANDLER: r.pointee.handler
        case APUS_R_CONTENT_TYPE: r.pointee.contentType
        case APUS_R_CONTENT_ENCODING: r.pointee.contentEncoding
        case APUS_R_CONTENT_LANGUAGE: r.pointee.contentLanguage
        case APUS_R_USER: r.pointee.user
        case APUS_R_AUTH_TYPE: r.pointee.authType
        case APUS_R_LOCAL_ROOT: r.pointee.localRoot
        case APUS_R_CONTEXT_PREFIX: r.pointee.contextPrefix
        case APUS_R_PEER_NAME: r.pointee.peerName
        case APUS_R_SERVER_NAME: AbsoluteURL.host(r)
        case APUS_R_LOG_ID: LogID.original(r).pointee.logID
        case APUS_R_PEER_ADDRESS: r.pointee.peerAddress.isSet ? r.pointee.peerAddress : r.pointee.conn.peerAddress()
        case APUS_R_SIGNATURE: ErrorPage.signature(r)
        case APUS_R_SERVER_SOFTWARE: theWorker.pointee.serverField
        case APUS_R_REASON: r.pointee.reasonStatus == r.pointee.status ? r.pointee.reason : .none
        case APUS_R_FILE_ETAG: EntityTag.compose(r, r.pointee.file)
        default: .none
        }
    }

    private static func setString(_ r: Request.Ref, _ field: UInt32, _ value: Bytes) -> apus_status {
        let copy = r.copy(value)
        switch field {
        case APUS_R_METHOD:
            r.pointee.method = copy
            r.pointee.methodKind = Method(copy)
        case APUS_R_PATH: r.pointee.path = copy
        case APUS_R_QUERY: r.pointee.query = copy
        case APUS_R_FILENAME:
            r.pointee.filename = copy
            r.pointee.openFile = nil
        case APUS_R_PATH_INFO: r.pointee.pathInfo = copy
        case APUS_R_HANDLER: r.pointee.handler = copy
        case APUS_R_CONTENT_TYPE: return setField(&r.pointee.contentType, copy)
        case APUS_R_CONTENT_ENCODING: return setField(&r.pointee.contentEncoding, copy)
        case APUS_R_CONTENT_LANGUAGE: return setField(&r.pointee.contentLanguage, copy)
        case APUS_R_USER: r.pointee.user = copy
        case APUS_R_AUTH_TYPE: r.pointee.authType = copy
        case APUS_R_LOCAL_ROOT: r.pointee.localRoot = copy
        case APUS_R_CONTEXT_PREFIX: r.pointee.contextPrefix = copy
        case APUS_R_PEER_ADDRESS: r.pointee.peerAddress = copy
        case APUS_R_REASON:
            r.pointee.reasonStatus = value.isEmpty ? 0 : r.pointee.status
            return setField(&r.pointee.reason, copy)
        default: return APUS_E_INVALID
        }
        return APUS_OK
    }

    /// What becomes a header field may hold no byte that could end it.
    private static func setField(_ field: inout Bytes, _ value: Bytes) -> apus_status {
        guard Token.isFieldValue(value) else { return APUS_E_INVALID }
        field = value
        return APUS_OK
    }

    private static func number(_ r: Request.Ref, _ field: UInt32) -> Int64 {
        switch field {
        case APUS_R_STATUS: Int64(r.pointee.status)
        case APUS_R_BYTES_SENT: r.pointee.response.bodySent
        case APUS_R_WIRE_SENT: r.pointee.response.wireSent + r.pointee.response.bodySent
        case APUS_R_WIRE_RECEIVED: r.pointee.conn.pointee.input.consumed - r.pointee.consumedBefore
        case APUS_R_TIME_US: r.pointee.startTime
        case APUS_R_PORT: Int64(r.pointee.port != 0 ? r.pointee.port : Int32(r.pointee.conn.pointee.local.port))
        case APUS_R_KEEPALIVES: Int64(r.pointee.conn.pointee.requests - 1)
        case APUS_R_IS_EXPLAIN: r.pointee.isExplain ? 1 : 0
        case APUS_R_IS_SUBREQUEST: r.pointee.main != nil ? 1 : 0
        case APUS_R_HEADER_ONLY: r.pointee.isHead ? 1 : 0
        case APUS_R_FILE_TYPE: Int64(r.pointee.file.kind.rawValue)
        case APUS_R_FILE_SIZE: r.pointee.file.size
        case APUS_R_FILE_MTIME_US: r.pointee.file.modified / 1000
        case APUS_R_CONNECTION_STATE: connectionState(r)
        case APUS_R_BODY_EXPECTED: r.pointee.body.kind != .none ? 1 : 0
        case APUS_R_NO_CACHE: r.pointee.noCache ? 1 : 0
        case APUS_R_OWN_PAGE: r.pointee.response.isOwnPage ? 1 : 0
        case APUS_R_OPTIONS: r.core.effectiveOptions.asAPUSOptions
        case APUS_R_SERVER_PORT: Int64(AbsoluteURL.port(r))
        case APUS_R_CGI_PASS_AUTH...APUS_R_LIMIT_PROCESSES_HARD: r.core.cgi.number(field)
        case APUS_R_PEER_PORT: Int64(r.pointee.peerAddress.isSet ? r.pointee.peerPort : r.pointee.conn.pointee.peer.port)
        case APUS_R_LIMIT_REQUEST_BODY: r.core.limitRequestBody ?? BodyInput.standardLimit
        default: 0
        }
    }

    private static func connectionState(_ r: Request.Ref) -> Int64 {
        if r.pointee.conn.pointee.wasAborted { return 0x58 }
        return r.pointee.response.keepsAlive ? 0x2b : 0x2d
    }

    private static func setNumber(_ r: Request.Ref, _ field: UInt32, _ value: Int64) -> apus_status {
        switch field {
        case APUS_R_STATUS:
            guard (200...599).contains(value) else { return APUS_E_INVALID }
            r.pointee.status = Int32(value)
        case APUS_R_NO_CACHE: r.pointee.noCache = value != 0
        case APUS_R_PEER_PORT:
            guard (0...65535).contains(value) else { return APUS_E_INVALID }
            r.pointee.peerPort = UInt16(value)
        default: return APUS_E_INVALID
        }
        return APUS_OK
    }
}

extension UnsafeMutablePointer where Pointee == Connection {
    /// The client's address as text; made when first asked for.
    func peerAddress() -> Bytes {
        if !pointee.peerText.isSet {
            pointee.peerText = pointee.peer.isIPv4
                ? withUnsafeMutablePointer(to: &pointee.peerTextIPv4) { write(pointee.peer, at: $0, capacity: 16) }
                : write(pointee.peer, at: pool.pointee.allocate(48), capacity: 48)
        }
        return pointee.peerText
    }

    func localAddressText() -> Bytes {
        if !pointee.localText.isSet {
            pointee.localText = write(localAddress(), at: pool.pointee.allocate(48), capacity: 48)
        }
        return pointee.localText
    }

    private func write(_ address: SocketAddress, at place: UnsafeMutableRawPointer, capacity: Int) -> Bytes {
        var writer = ByteWriter(place, capacity: capacity)
        address.write(host: &writer)
        return writer.written
    }
}
