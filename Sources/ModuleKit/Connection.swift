public import ByteKit
public import ModuleABI

/// One connection.
public struct Connection: @unchecked Sendable {
    public let raw: OpaquePointer
    public let host: UnsafePointer<apus_host>

    @inlinable
    public init(_ raw: OpaquePointer, host: UnsafePointer<apus_host>) {
        self.raw = raw
        self.host = host
    }

    public var peerAddress: Bytes { connTable.pointee.get(raw, APUS_C_PEER_ADDRESS) }
    public var localAddress: Bytes { connTable.pointee.get(raw, APUS_C_LOCAL_ADDRESS) }
    public var peerPort: Int { Int(connTable.pointee.number(raw, APUS_C_PEER_PORT)) }
    public var localPort: Int { Int(connTable.pointee.number(raw, APUS_C_LOCAL_PORT)) }
    public var isSecure: Bool { connTable.pointee.number(raw, APUS_C_IS_SECURE) != 0 }
    public var id: Int64 { connTable.pointee.number(raw, APUS_C_ID) }
    public var requests: Int64 { connTable.pointee.number(raw, APUS_C_REQUESTS) }
    /// What its lines in the error log have in common; unset: there is none.
    public var logID: Bytes { connTable.pointee.get(raw, APUS_C_LOG_ID) }
    public var pool: Pool { Pool(connTable.pointee.pool(raw).unsafelyUnwrapped) }
    public var server: Server { Server(connTable.pointee.server(raw).unsafelyUnwrapped, host: host) }
    public var token: apus_token { connTable.pointee.token(raw) }

    /// Makes the virtual host of that name the connection's server; nil when none on this address bears it.
    public func selectServer(named name: Bytes) -> Server? {
        var matched: Int32 = 0
        let server = connTable.pointee.select_server(raw, name, &matched)
        return matched != 0 ? server.map { Server($0, host: host) } : nil
    }

    /// The module's own pointer on the connection.
    public var slot: UnsafeMutableRawPointer? {
        get { connTable.pointee.slot(raw, host) }
        nonmutating set { connTable.pointee.set_slot(raw, host, newValue) }
    }

    /// The state that a transport keeps for this connection, when it is the one in use.
    public func transport(_ name: StaticString) -> UnsafeMutableRawPointer? {
        connTable.pointee.transport(raw, Bytes(name))
    }

    /// Ends the connection once what is queued has been sent.
    public func close() { connTable.pointee.close(raw) }
}
