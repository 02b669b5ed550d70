public import ByteKit
public import ModuleABI

/// One request.
public struct Request: @unchecked Sendable {
    /// The handle, for functions of apus/request.h that have no face here.
    public let raw: OpaquePointer
    /// The module's own handle of the host.
    public let host: UnsafePointer<apus_host>

    /// A request of the host's.
    @inlinable @inline(__always)
    public init(_ raw: OpaquePointer, host: UnsafePointer<apus_host>) {
        self.raw = raw
        self.host = host
    }

    /// A field by its number, APUS_R_…; unset: there is none.
    @inlinable @inline(__always)
    public func get(_ field: UInt32) -> Bytes { requestTable.pointee.get(raw, field) }

    /// Sets a field; the bytes are copied.
    @inlinable
    public func set(_ field: UInt32, _ value: Bytes) { _ = requestTable.pointee.set(raw, field, value) }

    /// A field that is a number.
    @inlinable @inline(__always)
    public func number(_ field: UInt32) -> Int64 { requestTable.pointee.number(raw, field) }

    /// Sets a field that is a number.
    @inlinable
    public func setNumber(_ field: UInt32, _ value: Int64) { _ = requestTable.pointee.set_number(raw, field, value) }

    /// GET, POST, …
    public var method: Bytes { self.get(APUS_R_METHOD) }
    /// The request target as the client sent it.
    public var target: Bytes { self.get(APUS_R_TARGET) }
    /// The path of the URL, decoded and without dot segments.
    public var path: Bytes {
        get { self.get(APUS_R_PATH) }
        nonmutating set { set(APUS_R_PATH, newValue) }
    }
    /// What follows the question mark; unset: there is none.
    public var query: Bytes {
        get { self.get(APUS_R_QUERY) }
        nonmutating set { set(APUS_R_QUERY, newValue) }
    }
    /// HTTP/1.1, or what the client said.
    public var protocolName: Bytes { self.get(APUS_R_PROTOCOL) }
    /// http or https.
    public var scheme: Bytes { self.get(APUS_R_SCHEME) }
    /// The host that the client asked for, without a port.
    public var hostName: Bytes { self.get(APUS_R_HOST) }
    /// The first line of the request.
    public var requestLine: Bytes { self.get(APUS_R_REQUEST_LINE) }
    /// The file that the path leads to.
    public var filename: Bytes {
        get { self.get(APUS_R_FILENAME) }
        nonmutating set { set(APUS_R_FILENAME, newValue) }
    }
    /// What follows the file's name in the path.
    public var pathInfo: Bytes {
        get { self.get(APUS_R_PATH_INFO) }
        nonmutating set { set(APUS_R_PATH_INFO, newValue) }
    }
    /// Which handler is to answer, as SetHandler and others say it.
    public var handler: Bytes {
        get { self.get(APUS_R_HANDLER) }
        nonmutating set { set(APUS_R_HANDLER, newValue) }
    }
    /// The media type of the answer.
    public var contentType: Bytes {
        get { self.get(APUS_R_CONTENT_TYPE) }
        nonmutating set { set(APUS_R_CONTENT_TYPE, newValue) }
    }
    /// The authenticated user; unset: nobody is.
    public var user: Bytes {
        get { self.get(APUS_R_USER) }
        nonmutating set { set(APUS_R_USER, newValue) }
    }
    /// The client's address as text.
    public var peerAddress: Bytes { self.get(APUS_R_PEER_ADDRESS) }
    /// The client's port.
    public var peerPort: Int { Int(number(APUS_R_PEER_PORT)) }
    /// The content coding of the answer.
    public var contentEncoding: Bytes {
        get { self.get(APUS_R_CONTENT_ENCODING) }
        nonmutating set { set(APUS_R_CONTENT_ENCODING, newValue) }
    }
    /// The languages of the answer.
    public var contentLanguage: Bytes {
        get { self.get(APUS_R_CONTENT_LANGUAGE) }
        nonmutating set { set(APUS_R_CONTENT_LANGUAGE, newValue) }
    }
    /// What is said behind the status: set after that, and as long as it holds.
    public var reason: Bytes {
        get { self.get(APUS_R_REASON) }
        nonmutating set { set(APUS_R_REASON, newValue) }
    }
    /// What the request's conditions say of an answer with the ETag and Last-Modified that are set: `.ok`, 304 or 412.
    public var preconditions: Status { Status(rawValue: requestTable.pointee.preconditions(raw)) }
    /// HTML for the foot of a page that the server makes, as ServerSignature says.
    public var signature: Bytes { self.get(APUS_R_SIGNATURE) }
    /// Whether Options allows one of the APUS_OPTION_… here.
    public func allows(_ option: Int32) -> Bool { number(APUS_R_OPTIONS) & Int64(option) != 0 }
    /// Whether the client wants no body: HEAD.
    public var isHead: Bool { number(APUS_R_HEADER_ONLY) != 0 }
    /// The length of the file in bytes.
    public var fileSize: Int64 { number(APUS_R_FILE_SIZE) }
    /// Microseconds since 1970.
    public var fileModified: Int64 { number(APUS_R_FILE_MTIME_US) }
    /// The client's name, when HostnameLookups has found one; else its address.
    public var peerName: Bytes {
        let name = self.get(APUS_R_PEER_NAME)
        return name.isSet ? name : peerAddress
    }
    /// Whether URLs of that host and port lead to the request's own server.
    public func isOwnHost(_ name: Bytes, port: Int64) -> Bool {
        0...65535 ~= port && requestTable.pointee.is_own_host(raw, name, UInt32(port)) != 0
    }
    /// The status of the answer, so far.
    public var status: Int {
        get { Int(self.number(APUS_R_STATUS)) }
        nonmutating set { setNumber(APUS_R_STATUS, Int64(newValue)) }
    }
    /// Whether another request looks at what this would be.
    public var isSubrequest: Bool { number(APUS_R_IS_SUBREQUEST) != 0 }
    /// Whether it is only told what would happen: nothing may be changed.
    public var isExplain: Bool { number(APUS_R_IS_EXPLAIN) != 0 }
    /// What stands at the file's name: one of APUS_FILE_….
    public var fileType: Int32 { Int32(truncatingIfNeeded: number(APUS_R_FILE_TYPE)) }

    /// Memory that lives as long as the request.
    public var pool: Pool { Pool(requestTable.pointee.pool(raw).unsafelyUnwrapped) }
    /// The connection it came on.
    public var connection: Connection { Connection(requestTable.pointee.conn(raw).unsafelyUnwrapped, host: host) }
    /// The server that it is for.
    public var server: Server { Server(requestTable.pointee.server(raw).unsafelyUnwrapped, host: host) }
    /// The request that this is a sub-request of.
    public var main: Request? { requestTable.pointee.main(raw).map { Request($0, host: host) } }
    /// The request that was redirected inside the server to this one.
    public var previous: Request? { requestTable.pointee.previous(raw).map { Request($0, host: host) } }

    /// The module's own pointer on the request.
    public var slot: UnsafeMutableRawPointer? {
        get { requestTable.pointee.slot(raw, host) }
        nonmutating set { requestTable.pointee.set_slot(raw, host, newValue) }
    }

    /// The module's merged directory configuration. Its type must be the one the module declares.
    @inlinable
    public func conf<C: Configuration>(_ type: C.Type = C.self) -> C { confPointer(type).pointee }

    /// The same without a copy, for hooks that run on every request. Frozen: read it only.
    @inlinable @inline(__always)
    public func confPointer<C: Configuration>(_ type: C.Type = C.self) -> UnsafeMutablePointer<C> {
        Stored<C>.value(requestTable.pointee.dir_conf(raw, host))
    }

    /// The module's configuration of the request's server.
    @inlinable @inline(__always)
    public func serverConf<C: Configuration>(_ type: C.Type = C.self) -> UnsafeMutablePointer<C> {
        Stored<C>.value(requestTable.pointee.server_conf(raw, host))
    }

    /// The fields that the client sent.
    public var headersIn: HeaderFields { HeaderFields(request: raw, table: APUS_HEADERS_IN) }
    /// The fields of the answer.
    public var headersOut: HeaderFields { HeaderFields(request: raw, table: APUS_HEADERS_OUT) }
    /// The fields of the answer that also stay when it becomes an error.
    public var errorHeadersOut: HeaderFields { HeaderFields(request: raw, table: APUS_HEADERS_ERR) }
    /// What modules tell each other of the request.
    public var notes: HeaderFields { HeaderFields(request: raw, table: APUS_HEADERS_NOTES) }
    /// Variables for programs, logs and conditions.
    public var environment: HeaderFields { HeaderFields(request: raw, table: APUS_HEADERS_ENV) }

    /// A field of the answer as its head carried it, also those that the server composes; see apus/headers.h.
    public func sentField(_ name: Bytes) -> Bytes { headerTable.pointee.sent(raw, name) }

    /// A whole answer in one call; return its value from the handler.
    public func reply(_ status: Int32, text: String, contentType: StaticString = "text/plain; charset=utf-8") throws -> Status {
        var text = text
        return try text.withUTF8 {
            try reply(status, Bytes(UnsafeRawBufferPointer($0)), contentType: Bytes(contentType))
        }
    }

    /// The same with bytes, which are copied.
    public func reply(_ status: Int32, _ body: Bytes, contentType: Bytes) throws -> Status {
        let outcome = bodyTable.pointee.reply(raw, status, contentType, body)
        try check(outcome, "cannot reply")
        return .ok
    }

    /// What a request for `target` would be; freed with this request at the latest.
    public func lookup(_ target: Bytes) throws -> Request {
        var sub: OpaquePointer?
        try check(subrequestTable.pointee.lookup(raw, target, &sub), "cannot look up \(target.string)")
        guard let sub else { throw ModuleError("cannot look up \(target.string)") }
        return Request(sub, host: host)
    }

    /// The same for a file beside this request's: `name` follows the directory of its file and of its path.
    public func lookupFile(_ name: Bytes) throws -> Request {
        var sub: OpaquePointer?
        try check(subrequestTable.pointee.lookup_file(raw, name, &sub), "cannot look up \(name.string)")
        guard let sub else { throw ModuleError("cannot look up \(name.string)") }
        return Request(sub, host: host)
    }

    /// Runs the handler of a looked-up request; what it writes becomes part of the outer request's body, behind `filter` or
    /// through all filters. `done` is called once, perhaps before this returns, unless the request is cancelled.
    public func run(behind filter: Filter? = nil, _ done: @escaping (_ sub: Request, _ status: Status) -> Void) throws {
        let box = HookBox(host: host, done)
        let context = Unmanaged.passRetained(box)
        let status = subrequestTable.pointee.run(
            raw, filter?.raw,
            { ctx, sub, status in
                // The box goes with the outer request, so that it also goes when nothing is ever done.
                Unmanaged<HookBox<(Request, Status) -> Void>>.fromOpaque(ctx.unsafelyUnwrapped)._withUnsafeGuaranteedRef {
                    $0.body(Request(sub.unsafelyUnwrapped, host: $0.host), Status(rawValue: status))
                }
            }, context.toOpaque())
        (main ?? self).pool.onDestroy { context.release() }
        try check(status, "cannot run a sub-request")
    }

    /// Makes a looked-up request the answer to this one.
    public func adopt(_ sub: Request) throws { try check(subrequestTable.pointee.adopt(raw, sub.raw), "cannot adopt") }

    /// Gives a looked-up request back early.
    public func destroy() { subrequestTable.pointee.destroy(raw) }

    /// Answers with a request for `target` from the start; return its value from the hook.
    public func internalRedirect(_ target: Bytes) throws -> Status {
        try check(subrequestTable.pointee.internal_redirect(raw, target), "cannot redirect to \(target.string)")
        return .done
    }

    /// `path` as an absolute URL of this request's host, for Location headers.
    public func absoluteURL(_ path: Bytes) -> Bytes { subrequestTable.pointee.absolute_url(raw, path) }
}

/// One of a request's tables: header fields, notes or environment.
public struct HeaderFields {
    let request: OpaquePointer
    let table: UInt32

    init(request: OpaquePointer, table: UInt32) {
        self.request = request
        self.table = table
    }

    /// One of the APUS_HEADERS_… tables of a request.
    public init(of request: Request, table: UInt32) { self.init(request: request.raw, table: table) }

    /// The first value of a name; setting one replaces them all, setting nil removes them.
    public subscript(name: StaticString) -> Bytes? {
        get { self[Bytes(name)] }
        nonmutating set { self[Bytes(name)] = newValue }
    }

    /// The first value of a name; setting one replaces them all, setting nil removes them.
    public subscript(name: Bytes) -> Bytes? {
        get {
            let value = headerTable.pointee.get(request, table, name, 0)
            return value.isSet ? value : nil
        }
        nonmutating set {
            if let newValue {
                _ = headerTable.pointee.set(request, table, name, newValue)
            } else {
                _ = headerTable.pointee.remove(request, table, name)
            }
        }
    }

    /// Adds a further value of a name. False: it holds bytes that no field may.
    @discardableResult
    public func add(_ name: Bytes, _ value: Bytes) -> Bool { headerTable.pointee.add(request, table, name, value) == APUS_OK }

    /// Appends to the last value of a name, with a comma between. False: as for `add`.
    @discardableResult
    public func merge(_ name: Bytes, _ value: Bytes) -> Bool {
        headerTable.pointee.merge(request, table, name, value) == APUS_OK
    }

    /// Sets the only value of a name. False: as for `add`.
    @discardableResult
    public func replace(_ name: Bytes, _ value: Bytes) -> Bool {
        headerTable.pointee.set(request, table, name, value) == APUS_OK
    }

    /// Whether they are the fields that the client sent.
    public var areOfRequest: Bool { table == APUS_HEADERS_IN }

    /// The n-th value of a name, from 0; nil: there are not so many.
    public func value(_ name: Bytes, _ nth: Int) -> Bytes? {
        let value = headerTable.pointee.get(request, table, name, UInt32(nth))
        return value.isSet ? value : nil
    }

    /// How many fields there are.
    public var count: Int { Int(headerTable.pointee.count(request, table)) }

    /// Takes all of them off.
    public func removeAll() { headerTable.pointee.clear(request, table) }

    /// A field by its place in the table.
    public func at(_ index: Int) -> (name: Bytes, value: Bytes)? {
        var name = Bytes.none
        var value = Bytes.none
        guard headerTable.pointee.at(request, table, UInt32(index), &name, &value) == APUS_OK else { return nil }
        return (name, value)
    }
}
