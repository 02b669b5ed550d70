import ModuleKit

/// Keeps names and values for a client from one request to the next, with modules that store them.
final class Session: Module {
    typealias DirConf = SessionConf

    static let info = ModuleInfo(
        "session_module", version: "1.0", requires: [APUS_EXT_PROVIDERS, APUS_EXT_FUNCTIONS])
    static let directives = sessionDirectives

    init(_ host: Host) throws {
        let keeper = SessionKeeper(host)
        try host.hooks.optionalFunctions { keeper.findProviders() }
        try host.hooks.fixups(.middle) { request in
            keeper.publish(request)
            return .declined
        }
        try host.hooks.responseHead(Order(.early, before: ["headers_module"])) { keeper.conclude($0) }
        try publishFunctions(keeper, host)
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    Session.descriptor(for: host, named: name)
}

/// session.get and session.set, for other modules.
private func publishFunctions(_ keeper: SessionKeeper, _ host: Host) throws {
    typealias Get = @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?, apus_str) -> apus_str
    typealias Set = @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?, apus_str, apus_str) -> apus_status
    let get: Get = { ctx, r, name in
        let keeper = Unmanaged<SessionKeeper>.fromOpaque(ctx!).takeUnretainedValue()
        return keeper.state(of: keeper.request(r!))?.table[name] ?? .none
    }
    let set: Set = { ctx, r, name, value in
        let keeper = Unmanaged<SessionKeeper>.fromOpaque(ctx!).takeUnretainedValue()
        guard let state = keeper.state(of: keeper.request(r!)) else { return APUS_DECLINED }
        state.set(name, value)
        return APUS_OK
    }
    try host.publish("session.get", "s(xRs)", unsafeBitCast(get, to: apus_fn.self), context: keeper)
    try host.publish("session.set", "i(xRss)", unsafeBitCast(set, to: apus_fn.self), context: keeper)
}
