public import ByteKit
public import ModuleABI

/// One connection.
public struct Connection: @unchecked Sendable {
    /// The handle, for functions of apus/conn.h that have no face here.
    public let raw: OpaquePointer
    /// The module's own handle of the host.
    public let host: UnsafePointer<apus_host>

    /// A connection of the host's.
    @inlinable
    public init(_ raw: OpaquePointer, host: UnsafePointer<apus_host>) {
        self.raw = raw
        self.host = host
    }

    /// The client's address as text.
    public var peerAddress: Bytes { connTable.pointee.get(raw, APUS_C_PEER_ADDRESS) }
    /// The server's own address as text.
    public var localAddress: Bytes { connTable.pointee.get(raw, APUS_C_LOCAL_ADDRESS) }
    /// The client's port.
    public var peerPort: Int { Int(connTable.pointee.number(raw, APUS_C_PEER_PORT)) }
    /// The server's own port.
    public var localPort: Int { Int(connTable.pointee.number(raw, APUS_C_LOCAL_PORT)) }
    /// Whether a transport such as TLS carries it.
    public var isSecure: Bool { connTable.pointee.number(raw, APUS_C_IS_SECURE) != 0 }
    /// A number that no other connection of this worker has had.
    public var id: Int64 { connTable.pointee.number(raw, APUS_C_ID) }
    /// The worker is to leave: what the connection carries should come to its end.
    public var isDraining: Bool { connTable.pointee.number(raw, APUS_C_IS_DRAINING) != 0 }
    /// Requests that have been begun on it.
    public var requests: Int64 { connTable.pointee.number(raw, APUS_C_REQUESTS) }
    /// What its lines in the error log have in common; unset: there is none.
    public var logID: Bytes { connTable.pointee.get(raw, APUS_C_LOG_ID) }
    /// Memory that lives as long as the connection.
    public var pool: Pool { Pool(connTable.pointee.pool(raw).unsafelyUnwrapped) }
    /// The server it belongs to: the first of its address until a name was seen.
    public var server: Server { Server(connTable.pointee.server(raw).unsafelyUnwrapped, host: host) }
    /// Its name, which may leave a callback: it is noticed when the connection has gone.
    public var token: apus_token { connTable.pointee.token(raw) }

    /// The module's own pointer on the connection.
    public var slot: UnsafeMutableRawPointer? {
        get { connTable.pointee.slot(raw, host) }
        nonmutating set { connTable.pointee.set_slot(raw, host, newValue) }
    }

    /// Ends the connection once what is queued has been sent.
    public func close() { connTable.pointee.close(raw) }
}
