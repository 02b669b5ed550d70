public import ByteKit
public import ModuleABI
public import ModuleABI.Draft

/// What has a connection to itself: after an answer 101, or because the transport agreed on it. All on the loop.
@_spi(Draft) public protocol ConnectionOwner: AnyObject {
    /// Bytes came; none: the peer has finished sending. They are valid during the call. An error ends the connection.
    func receive(_ bytes: Bytes) throws -> Status
    /// `send` answered `.again`, and there is room again.
    func writable() throws -> Status
    /// The connection is at its end.
    func close()
}

@_spi(Draft) extension ConnectionOwner {
    /// There is nothing to send.
    public func writable() -> Status { .ok }
    /// There is nothing to free.
    public func close() {}
}

@_spi(Draft) extension Request {
    /// Whether the client offers to go on with a protocol (RFC 9110, section 7.8).
    public func asks(for name: Bytes) -> Bool { upgradeTable.pointee.asked(raw, name) != 0 }

    /// Answers 101 and gives the connection to `owner`. The handler returns, or resumes with, what this returns.
    public func switchTo(_ name: Bytes, _ owner: any ConnectionOwner) -> Status {
        let box = Unmanaged.passRetained(OwnerBox(host, owner))
        let status = Status(rawValue: upgradeTable.pointee.switch_to(raw, name, ownerTable, box.toOpaque()))
        if status != .ok { box.release() }
        return status
    }
}

@_spi(Draft) extension Connection {
    /// Gives the connection to `owner`, before anything is read of it as HTTP. From the process_connection hook.
    public func take(_ owner: any ConnectionOwner) throws {
        let box = Unmanaged.passRetained(OwnerBox(host, owner))
        let status = upgradeTable.pointee.take(raw, ownerTable, box.toOpaque())
        if status != APUS_OK { box.release() }
        try check(status, "cannot take the connection")
    }

    /// Sends bytes; for the owner of the connection.
    public func send(_ bytes: Bytes) -> Status {
        var part = bytes
        return Status(rawValue: upgradeTable.pointee.send(raw, &part, 1))
    }

    /// Bytes that the client's system has not taken yet.
    public var pending: Int64 { upgradeTable.pointee.pending(raw) }

    /// Whether nothing is to be received for now.
    public func hold(_ isHeld: Bool) { _ = upgradeTable.pointee.hold(raw, isHeld ? 1 : 0) }

    /// Ends the connection when nothing moved for so many microseconds; 0: never.
    public func setIdleLimit(_ microseconds: UInt64) { _ = upgradeTable.pointee.idle_limit(raw, microseconds) }
}

@_spi(Draft) extension Host {
    /// Offers a protocol that transports may agree on by its ALPN identifier.
    public func provideProtocol(_ name: StaticString, _ open: @escaping (Connection) throws -> any ConnectionOwner) throws {
        var table = ownerTable.pointee
        table.open = { ctx, c, state in
            guard let ctx, let c, let state else { return APUS_E_INVALID }
            let box = Unmanaged<HookBox<(Connection) throws -> any ConnectionOwner>>.fromOpaque(ctx).takeUnretainedValue()
            do {
                let owner = try box.body(Connection(c, host: box.host))
                state.pointee = Unmanaged.passRetained(OwnerBox(box.host, owner)).toOpaque()
                return APUS_OK
            } catch {
                Log(host: box.host).error("\(error)")
                return APUS_E_FAIL
            }
        }
        try provide(APUS_GROUP_PROTOCOL, name, table, context: HookBox(host: raw, open))
    }
}

/// An owner behind the host's pointer.
private final class OwnerBox {
    let host: UnsafePointer<apus_host>
    let owner: any ConnectionOwner

    init(_ host: UnsafePointer<apus_host>, _ owner: any ConnectionOwner) {
        self.host = host
        self.owner = owner
    }

    static func attempt(_ state: UnsafeMutableRawPointer?, _ body: (any ConnectionOwner) throws -> Status) -> apus_status {
        let box = Unmanaged<OwnerBox>.fromOpaque(state.unsafelyUnwrapped).takeUnretainedValue()
        do {
            return try body(box.owner).rawValue
        } catch {
            Log(host: box.host).error("\(error)")
            return APUS_E_FAIL
        }
    }
}

nonisolated(unsafe) private let ownerTable: UnsafePointer<apus_protocol_v0> = {
    let place = UnsafeMutablePointer<apus_protocol_v0>.allocate(capacity: 1)
    place.initialize(
        to: apus_protocol_v0(
            size: UInt32(MemoryLayout<apus_protocol_v0>.size), flags: 0, open: nil,
            receive: { state, bytes, count in
                let received = bytes.map { Bytes($0, count: count) } ?? Bytes("")
                return OwnerBox.attempt(state) { try $0.receive(received) }
            },
            writable: { state in OwnerBox.attempt(state) { try $0.writable() } },
            close: { state in
                guard let state else { return }
                Unmanaged<OwnerBox>.fromOpaque(state).takeRetainedValue().owner.close()
            }))
    return UnsafePointer(place)
}()
