public import ByteKit
import ModuleABI
import ModuleABI.Draft

/// What transports need; see apus/draft/transport.h, whose id APUS_EXT_WIRE belongs into `ModuleInfo.requires`.
@_spi(Draft) extension Connection {
    /// Makes the virtual host of that name the connection's server; nil when none on this address bears it.
    public func selectServer(named name: Bytes) -> Server? {
        var matched: Int32 = 0
        let server = wireTable.pointee.select_server(raw, name, &matched)
        return matched != 0 ? server.map { Server($0, host: host) } : nil
    }

    /// The state that a transport keeps for this connection, when it is the one in use.
    public func transport(_ name: StaticString) -> UnsafeMutableRawPointer? {
        wireTable.pointee.state(raw, Bytes(name))
    }

    /// Suspends the handshake at hand, which then answers APUS_SUSPENDED; `resume(.ok)` calls it again.
    public func suspendHandshake() throws -> SuspendedTask {
        var task: apus_task = 0
        try check(wireTable.pointee.suspend(raw, nil, nil, &task), "cannot suspend the handshake")
        return SuspendedTask(id: task)
    }
}
