import ModuleKit

/// One registration: what its callback is told by the context pointer.
private final class One {
    let hook: String
    let module: String
    let host: Host

    init(_ hook: String, _ module: String, _ host: Host) {
        self.hook = hook
        self.module = module
        self.host = host
    }

    static func of(_ ctx: UnsafeMutableRawPointer?) -> One {
        Unmanaged<One>.fromOpaque(ctx!).takeUnretainedValue()
    }

    /// What the query says about a hook of a module; declined when nothing.
    func wanted(_ request: Request) -> Status {
        let key = "\(hook).\(module)="
        for part in request.query.string.split(separator: "&") where part.hasPrefix(key) {
            return Status(rawValue: Int32(part.dropFirst(key.utf8.count)) ?? 0)
        }
        return .declined
    }

    func trace(_ request: Request) {
        request.errorHeadersOut.merge(Bytes("X-Trace"), request.pool.copy("\(hook):\(module)"))
    }

    func note(_ extra: String = "") { host.log.write(.warn, "trace \(hook):\(module)\(extra)") }
}

/// A module that registers every hook.
private func registerAll(_ host: Host, _ module: String) throws {
    let hooks = host.hooks
    func order(_ hook: String) -> Order {
        switch (hook, module) {
        case ("fixups", "a"): .late
        case ("fixups", "b"): Order(.middle, after: ["abi_hooks_c_module", "abi_absent_module"])
        case ("access_checker", "c"): Order(.middle, before: ["abi_hooks_a_module"])
        case ("translate_name", "a"): .last
        case ("translate_name", "b"): .early
        case ("translate_name", _): .first
        default: .middle
        }
    }
    func phase(_ hook: String, _ add: (Order, @escaping Hooks.RequestHook) throws -> Void) throws {
        let one = One(hook, module, host)
        try add(order(hook)) { request in
            one.trace(request)
            return one.wanted(request)
        }
    }
    try phase("post_read_request", hooks.postReadRequest)
    try phase("quick_handler", hooks.quickHandler)
    try phase("translate_name", hooks.translateName)
    try phase("map_to_storage", hooks.mapToStorage)
    try phase("header_parser", hooks.headerParser)
    try phase("access_checker", hooks.access)
    try phase("access_checker_ex", hooks.accessEx)
    try phase("check_user_id", hooks.checkUserID)
    try phase("auth_checker", hooks.authChecker)
    try phase("type_checker", hooks.typeChecker)
    try phase("fixups", hooks.fixups)

    let handler = One("handler", module, host)
    try hooks.handler(.middle) { request in
        handler.trace(request)
        let status = handler.wanted(request)
        if status != .declined { return status == .ok ? try request.reply(200, text: module) : status }
        guard module == "c" else { return .declined }
        return request.path == "/redirect"
            ? try request.internalRedirect(Bytes("/after")) : try request.reply(200, text: "end")
    }
    let filters = One("insert_filter", module, host)
    try hooks.insertFilter(.middle) { filters.trace($0) }
    let logged = One("log_transaction", module, host)
    try hooks.logTransaction(.middle) { request in
        logged.note(" \(request.status)")
        return logged.wanted(request)
    }

    let retrieve = One("optional_fn_retrieve", module, host)
    try hooks.optionalFunctions { retrieve.note() }
    let start = One("child_init", module, host)
    try hooks.childInit { start.note() }
    let end = One("child_exit", module, host)
    try hooks.childExit { end.note() }
    let check = One("check_config", module, host)
    try hooks.checkConfig { check.note() }
    let open = One("open_config", module, host)
    try hooks.openConfig { open.note(" reason \($0) generation \($1)") }
    let connected = One("pre_connection", module, host)
    try hooks.preConnection(.middle) { _ in
        connected.note()
        return .declined
    }
    let closed: @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?) -> Void = { ctx, _ in
        One.of(ctx).note()
    }
    try hooks.register(
        "close_connection", "v(xC)", .middle, unsafeBitCast(closed, to: apus_fn.self),
        One("close_connection", module, host))
    let page: @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?, Int32) -> apus_status = {
        ctx, r, status in
        let one = One.of(ctx)
        let request = Request(r!, host: one.host.raw)
        one.trace(request)
        let wanted = one.wanted(request)
        guard wanted == .ok else { return wanted.rawValue }
        return (try? request.reply(status, text: "page for \(status)").rawValue) ?? APUS_E_FAIL
    }
    try hooks.register(
        "error_page", "i(xRi)", .middle, unsafeBitCast(page, to: apus_fn.self),
        One("error_page", module, host))

    guard module == "a" else { return }
    let initial = One("initial", module, host)
    try hooks.headerParser(Order(.first, flags: .initialOnly)) { request in
        initial.trace(request)
        return .declined
    }
}

final class A: Module {
    static let info = ModuleInfo("abi_hooks_a_module", version: "1.0")
    init(_ host: Host) throws { try registerAll(host, "a") }
}

final class B: Module {
    static let info = ModuleInfo("abi_hooks_b_module", version: "1.0")
    init(_ host: Host) throws { try registerAll(host, "b") }
}

final class C: Module {
    static let info = ModuleInfo("abi_hooks_c_module", version: "1.0")
    init(_ host: Host) throws { try registerAll(host, "c") }
}

private let decline: @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?) -> apus_status = { _, _ in
    APUS_DECLINED
}

final class UnknownHook: Module {
    static let info = ModuleInfo("abi_hooks_hook_module", version: "1.0")
    init(_ host: Host) throws {
        try host.hooks.register(
            "handlr", "i(xR)", .middle, unsafeBitCast(decline, to: apus_fn.self), One("", "", host))
    }
}

final class UnknownFlag: Module {
    static let info = ModuleInfo("abi_hooks_flag_module", version: "1.0")
    init(_ host: Host) throws {
        try host.hooks.handler(Order(.middle, flags: HookFlags(rawValue: 0x4000))) { _ in .declined }
    }
}

final class WrongSignature: Module {
    static let info = ModuleInfo("abi_hooks_signature_module", version: "1.0")
    init(_ host: Host) throws {
        try host.hooks.register(
            "handler", "i(xC)", .middle, unsafeBitCast(decline, to: apus_fn.self), One("", "", host))
    }
}

final class X: Module {
    static let info = ModuleInfo("abi_hooks_x_module", version: "1.0")
    init(_ host: Host) throws {
        try host.hooks.fixups(Order(.middle, after: ["abi_hooks_y_module"])) { _ in .declined }
    }
}

final class Y: Module {
    static let info = ModuleInfo("abi_hooks_y_module", version: "1.0")
    init(_ host: Host) throws {
        try host.hooks.fixups(Order(.middle, after: ["abi_hooks_x_module"])) { _ in .declined }
    }
}

final class Late: Module {
    static let info = ModuleInfo("abi_hooks_late_module", version: "1.0")
    init(_ host: Host) throws {
        try host.hooks.fixups(Order(.last, before: ["abi_hooks_b_module"])) { _ in .declined }
    }
}

final class Fails: Module {
    static let info = ModuleInfo("abi_hooks_fails_module", version: "1.0")
    init(_ host: Host) throws { throw ModuleError("no mood for it") }
}

@c(apus_module_entry)
public func entry(_ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>) -> UnsafePointer<
    apus_module
>? {
    let modules: [any Module.Type] = [
        A.self, B.self, C.self, UnknownHook.self, UnknownFlag.self, WrongSignature.self, X.self, Y.self,
        Late.self, Fails.self,
    ]
    for module in modules {
        if let descriptor = module.descriptor(for: host, named: name) { return descriptor }
    }
    return nil
}
