import ByteKit
public import ModuleABI

/// What the leader does for a module. The extension id belongs into `ModuleInfo.requires`: APUS_EXT_LEADER.
extension Host {
    /// Calls `changed` in the leader whenever the file is changed, replaced, removed or made. From open_config.
    public func watchFile(_ path: String, _ changed: @escaping (_ path: String) -> Void) throws {
        var path = path
        let box = Unmanaged.passRetained(Box(changed))
        let status = path.withUTF8 { path in
            leaderTable.pointee.watch_file(
                raw, Bytes(UnsafeRawBufferPointer(path)),
                { ctx, path in Unmanaged<Box<(String) -> Void>>.fromOpaque(ctx!).takeUnretainedValue().value(path.string) },
                box.toOpaque())
        }
        try check(status, "cannot watch the file \(path)")
    }

    /// Says who gets the module's messages, in the leader and in every worker. From `init` or open_config.
    public func onMessage(_ receive: @escaping (_ name: Bytes, _ bytes: Bytes) -> Void) throws {
        let box = Unmanaged.passRetained(Box(receive))
        let status = leaderTable.pointee.on_message(
            raw,
            { ctx, name, bytes in Unmanaged<Box<(Bytes, Bytes) -> Void>>.fromOpaque(ctx!).takeUnretainedValue().value(name, bytes) },
            box.toOpaque())
        try check(status, "cannot receive messages")
    }

    /// Sends a message to the leader and to every worker of this generation.
    public func broadcast(_ name: String, _ bytes: Bytes) throws {
        var name = name
        let status = name.withUTF8 { leaderTable.pointee.broadcast(raw, Bytes(UnsafeRawBufferPointer($0)), bytes) }
        try check(status, "cannot send the message \(name)")
    }

    /// Whether this worker does a kind of work for all; to be asked again every two seconds. On the loop.
    public func holdsLease(_ name: String) -> Bool {
        var name = name
        return name.withUTF8 { leaderTable.pointee.lease(raw, Bytes(UnsafeRawBufferPointer($0))) } == APUS_OK
    }
}
