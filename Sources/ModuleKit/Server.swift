public import ByteKit
public import ModuleABI

/// The main server or a virtual host.
public struct Server: @unchecked Sendable {
    /// The handle, for functions of apus/server.h that have no face here.
    public let raw: OpaquePointer
    /// The module's own handle of the host.
    public let host: UnsafePointer<apus_host>

    /// A server of the host's.
    @inlinable
    public init(_ raw: OpaquePointer, host: UnsafePointer<apus_host>) {
        self.raw = raw
        self.host = host
    }

    /// ServerName.
    public var name: Bytes { serverTable.pointee.get(raw, APUS_S_NAME) }
    /// DocumentRoot.
    public var documentRoot: Bytes { serverTable.pointee.get(raw, APUS_S_DOCUMENT_ROOT) }
    /// ServerAdmin.
    public var admin: Bytes { serverTable.pointee.get(raw, APUS_S_ADMIN) }
    /// Where a virtual host answers, as its section says it: "*:80". While the configuration is read.
    public var addresses: [String] {
        serverTable.pointee.get(raw, APUS_S_ADDRESSES).string.split(separator: " ").map(String.init)
    }
    /// The file that it is defined in.
    public var definedIn: Bytes { serverTable.pointee.get(raw, APUS_S_DEFINED_IN) }
    /// The line that it is defined at.
    public var line: Int { Int(serverTable.pointee.number(raw, APUS_S_LINE)) }
    /// The port that its URLs bear.
    public var port: Int { Int(serverTable.pointee.number(raw, APUS_S_PORT)) }
    /// Its place among all servers; 0: the main one.
    public var index: Int { Int(serverTable.pointee.number(raw, APUS_S_INDEX)) }
    /// Whether it is a virtual host.
    public var isVirtual: Bool { serverTable.pointee.number(raw, APUS_S_IS_VIRTUAL) != 0 }
    /// Timeout.
    public var timeoutMicroseconds: Int64 { serverTable.pointee.number(raw, APUS_S_TIMEOUT_US) }
    /// What Protocols allows, the most wanted first.
    public var protocols: [Substring] { serverTable.pointee.get(raw, APUS_S_PROTOCOLS).string.split(separator: " ") }
    /// Whether that order counts, not the client's.
    public var honorsProtocolOrder: Bool { serverTable.pointee.number(raw, APUS_S_HONORS_PROTOCOL_ORDER) != 0 }
    /// The server after it.
    public var next: Server? { serverTable.pointee.next(raw).map { Server($0, host: host) } }

    /// The module's own configuration of this server. Its type must be the one the module declares.
    @inlinable
    public func conf<C: Configuration>(_ type: C.Type = C.self) -> UnsafeMutablePointer<C> {
        Stored<C>.value(serverTable.pointee.conf(raw, host))
    }

    /// The module's own directory configuration of this server, before any section.
    @inlinable
    public func dirConf<C: Configuration>(_ type: C.Type = C.self) -> UnsafeMutablePointer<C> {
        Stored<C>.value(serverTable.pointee.dir_conf(raw, host))
    }
}
