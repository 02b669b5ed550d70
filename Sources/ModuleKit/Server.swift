public import ByteKit
public import ModuleABI

/// The main server or a virtual host.
public struct Server: @unchecked Sendable {
    public let raw: OpaquePointer
    public let host: UnsafePointer<apus_host>

    @inlinable
    public init(_ raw: OpaquePointer, host: UnsafePointer<apus_host>) {
        self.raw = raw
        self.host = host
    }

    public var name: Bytes { serverTable.pointee.get(raw, APUS_S_NAME) }
    public var documentRoot: Bytes { serverTable.pointee.get(raw, APUS_S_DOCUMENT_ROOT) }
    public var admin: Bytes { serverTable.pointee.get(raw, APUS_S_ADMIN) }
    /// Where a virtual host answers, as its section says it: "*:80". While the configuration is read.
    public var addresses: [String] {
        serverTable.pointee.get(raw, APUS_S_ADDRESSES).string.split(separator: " ").map(String.init)
    }
    public var definedIn: Bytes { serverTable.pointee.get(raw, APUS_S_DEFINED_IN) }
    public var line: Int { Int(serverTable.pointee.number(raw, APUS_S_LINE)) }
    public var port: Int { Int(serverTable.pointee.number(raw, APUS_S_PORT)) }
    public var index: Int { Int(serverTable.pointee.number(raw, APUS_S_INDEX)) }
    public var isVirtual: Bool { serverTable.pointee.number(raw, APUS_S_IS_VIRTUAL) != 0 }
    public var timeoutMicroseconds: Int64 { serverTable.pointee.number(raw, APUS_S_TIMEOUT_US) }
    /// What Protocols allows, the most wanted first.
    public var protocols: [Substring] { serverTable.pointee.get(raw, APUS_S_PROTOCOLS).string.split(separator: " ") }
    /// Whether that order counts, not the client's.
    public var honorsProtocolOrder: Bool { serverTable.pointee.number(raw, APUS_S_HONORS_PROTOCOL_ORDER) != 0 }
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

    /// Limits how long clients may take for a part of an exchange; see apus/timeouts.h, whose id belongs into
    /// `ModuleInfo.requires`. From open_config.
    public func limit(_ phase: ClientPhase, initial: Int64, maximum: Int64, rate: Int64) throws {
        try check(timeoutTable.pointee.limit(raw, phase.rawValue, initial, maximum, rate), "cannot limit a phase")
    }
}

/// The parts of an exchange that a client can be slow in.
public struct ClientPhase: Sendable {
    public let rawValue: UInt32

    public static let handshake = ClientPhase(rawValue: APUS_PHASE_HANDSHAKE)
    public static let header = ClientPhase(rawValue: APUS_PHASE_HEADER)
    public static let body = ClientPhase(rawValue: APUS_PHASE_BODY)
    public static let response = ClientPhase(rawValue: APUS_PHASE_RESPONSE)
}
