import ByteKit
public import ModuleABI

/// Where among the others a hook runs.
public enum Position: Int32, Sendable {
    /// Before nearly all others.
    case first = -10
    /// Before most.
    case early = 0
    /// Where nothing speaks for another place.
    case middle = 10
    /// After most.
    case late = 20
    /// After nearly all others.
    case last = 30
}

/// What a hook may do, and when it is left out.
public struct HookFlags: OptionSet, Sendable {
    /// APUS_HOOK_…
    public let rawValue: UInt32
    /// From APUS_HOOK_….
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Runs on a thread of the pool, and may wait there.
    public static let mayBlock = HookFlags(rawValue: APUS_HOOK_MAY_BLOCK)
    /// May answer `.suspended`, after `Request.suspend`.
    public static let maySuspend = HookFlags(rawValue: APUS_HOOK_MAY_SUSPEND)
    /// Has no side effect while `Request.isExplain`: also runs for apus explain.
    public static let explainable = HookFlags(rawValue: APUS_HOOK_EXPLAINABLE)
    /// Left out for sub-requests and internal redirects.
    public static let initialOnly = HookFlags(rawValue: APUS_HOOK_INITIAL_ONLY)
}

/// How one registration stands to the others.
public struct Order: Sendable {
    var position: Position
    var after: [String]
    var before: [String]
    var flags: HookFlags

    /// A place among the others; names of modules that are not loaded are ignored.
    public init(_ position: Position, after: [String] = [], before: [String] = [], flags: HookFlags = []) {
        self.position = position
        self.after = after
        self.before = before
        self.flags = flags
    }

    /// Before nearly all others.
    public static let first = Order(.first)
    /// Before most.
    public static let early = Order(.early)
    /// Where nothing speaks for another place.
    public static let middle = Order(.middle)
    /// After most.
    public static let late = Order(.late)
    /// After nearly all others.
    public static let last = Order(.last)

    /// The same place with further flags.
    public func adding(_ flags: HookFlags) -> Order {
        var order = self
        order.flags.formUnion(flags)
        return order
    }
}

/// The host's hooks, by httpd's names, as closures. A thrown error becomes a logged 500.
public struct Hooks {
    /// The module's own handle of the host.
    public let host: UnsafePointer<apus_host>

    /// A hook of requests. What it throws is logged and becomes a 500, or the status of a `ModuleError`.
    public typealias RequestHook = (Request) throws -> Status

    /// The head of a request has been read, and nothing been decided.
    public func postReadRequest(_ order: Order, _ body: @escaping RequestHook) throws { try add("post_read_request", order, body) }
    /// An answer before anything has been looked up, as a cache has it.
    public func quickHandler(_ order: Order, _ body: @escaping RequestHook) throws { try add("quick_handler", order, body) }
    /// From the URL to the name of a file.
    public func translateName(_ order: Order, _ body: @escaping RequestHook) throws { try add("translate_name", order, body) }
    /// What stands at that name; the sections for it are found after this.
    public func mapToStorage(_ order: Order, _ body: @escaping RequestHook) throws { try add("map_to_storage", order, body) }
    /// All sections are known: a first look at the fields.
    public func headerParser(_ order: Order, _ body: @escaping RequestHook) throws { try add("header_parser", order, body) }
    /// Whether the client may have it, whoever its user is.
    public func access(_ order: Order, _ body: @escaping RequestHook) throws { try add("access_checker", order, body) }
    /// The same, and an answer OK stands for a user.
    public func accessEx(_ order: Order, _ body: @escaping RequestHook) throws { try add("access_checker_ex", order, body) }
    /// Who the user is.
    public func checkUserID(_ order: Order, _ body: @escaping RequestHook) throws { try add("check_user_id", order, body) }
    /// Whether that user may have it.
    public func authChecker(_ order: Order, _ body: @escaping RequestHook) throws { try add("auth_checker", order, body) }
    /// Which media type, language and handler the file has.
    public func typeChecker(_ order: Order, _ body: @escaping RequestHook) throws { try add("type_checker", order, body) }
    /// Last changes before the handler.
    public func fixups(_ order: Order, _ body: @escaping RequestHook) throws { try add("fixups", order, body) }
    /// Makes the answer.
    public func handler(_ order: Order, _ body: @escaping RequestHook) throws { try add("handler", order, body) }
    /// The answer has been sent, or given up.
    public func logTransaction(_ order: Order, _ body: @escaping RequestHook) throws { try add("log_transaction", order, body) }

    /// Adds filters to the request at hand.
    public func insertFilter(_ order: Order, _ body: @escaping (Request) -> Void) throws {
        try addVoid("insert_filter", order, body)
    }

    /// Last changes to the fields of an answer, whoever made it.
    public func responseHead(_ order: Order, _ body: @escaping (Request) -> Void) throws {
        try addVoid("response_head", order, body)
    }

    /// Functions of other modules can be found from here on.
    public func optionalFunctions(_ body: @escaping () -> Void) throws { try addPlain("optional_fn_retrieve", body) }

    /// In each worker, after it dropped its privileges: threads may start here.
    public func childInit(_ body: @escaping () -> Void) throws { try addPlain("child_init", body) }

    /// In each worker, when it ends in order.
    public func childExit(_ body: @escaping () -> Void) throws { try addPlain("child_exit", body) }

    /// The configuration is read: look at it as a whole.
    public func checkConfig(_ body: @escaping () throws -> Void) throws {
        let fn: @convention(c) (UnsafeMutableRawPointer?) -> apus_status = { ctx in
            let box = Unmanaged<HookBox<() throws -> Void>>.fromOpaque(ctx.unsafelyUnwrapped).takeUnretainedValue()
            return attempt(box.host) { try box.body() }
        }
        try register("check_config", "i(x)", .middle, unsafeBitCast(fn, to: apus_fn.self), HookBox(host: host, body))
    }

    /// Once a generation: open logs, keys, shared memory. `reason` is one of APUS_OPEN_…
    public func openConfig(_ order: Order = .middle, _ body: @escaping (_ reason: UInt32, _ generation: UInt64) throws -> Void) throws {
        let fn: @convention(c) (UnsafeMutableRawPointer?, UInt32, UInt64) -> apus_status = { ctx, reason, generation in
            let box = Unmanaged<HookBox<(UInt32, UInt64) throws -> Void>>.fromOpaque(ctx.unsafelyUnwrapped).takeUnretainedValue()
            return attempt(box.host) { try box.body(reason, generation) }
        }
        try register("open_config", "i(xuU)", order, unsafeBitCast(fn, to: apus_fn.self), HookBox(host: host, body))
    }

    /// A connection was accepted.
    public func preConnection(_ order: Order, _ body: @escaping (Connection) throws -> Status) throws {
        try add(connection: "pre_connection", order, body)
    }

    /// A connection's transport has agreed, or it has none: `Connection.take` gives it another protocol than HTTP.
    public func processConnection(_ order: Order, _ body: @escaping (Connection) throws -> Status) throws {
        try add(connection: "process_connection", order, body)
    }

    private func add(connection hook: String, _ order: Order, _ body: @escaping (Connection) throws -> Status) throws {
        let fn: @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?) -> apus_status = { ctx, conn in
            let box = Unmanaged<HookBox<(Connection) throws -> Status>>.fromOpaque(ctx.unsafelyUnwrapped).takeUnretainedValue()
            var answer = Status.ok
            let outcome = attempt(box.host) { answer = try box.body(Connection(conn.unsafelyUnwrapped, host: box.host)) }
            return outcome < 0 ? outcome : answer.rawValue
        }
        try register(hook, "i(xC)", order, unsafeBitCast(fn, to: apus_fn.self), HookBox(host: host, body))
    }

    private func add(_ hook: String, _ order: Order, _ body: @escaping RequestHook) throws {
        let fn: @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?) -> apus_status = runRequestHook
        try register(hook, "i(xR)", order, unsafeBitCast(fn, to: apus_fn.self), RequestHookBox(host: host, body))
    }

    /// A hook of requests that answers nothing.
    private func addVoid(_ hook: String, _ order: Order, _ body: @escaping (Request) -> Void) throws {
        let fn: @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?) -> Void = { _ = runRequestHook($0, $1) }
        let box = RequestHookBox(host: host) { body($0); return .ok }
        try register(hook, "v(xR)", order, unsafeBitCast(fn, to: apus_fn.self), box)
    }

    private func addPlain(_ hook: String, _ body: @escaping () -> Void) throws {
        let fn: @convention(c) (UnsafeMutableRawPointer?) -> Void = { ctx in
            Unmanaged<HookBox<() -> Void>>.fromOpaque(ctx.unsafelyUnwrapped).takeUnretainedValue().body()
        }
        try register(hook, "v(x)", .middle, unsafeBitCast(fn, to: apus_fn.self), HookBox(host: host, body))
    }

    /// Registers any hook by name: the way for hooks that other modules declare.
    public func register(_ hook: String, _ signature: String, _ order: Order, _ fn: apus_fn, _ context: AnyObject) throws {
        let ctx = Unmanaged.passRetained(context).toOpaque()
        try withCStrings(order.after) { after in
            try withCStrings(order.before) { before in
                var registration = apus_hook_reg()
                registration.size = UInt32(MemoryLayout<apus_hook_reg>.size)
                registration.position = order.position.rawValue
                registration.fn = fn
                registration.ctx = ctx
                registration.after = after
                registration.before = before
                registration.flags = order.flags.rawValue
                let status = hook.withCString { name in
                    signature.withCString { text in
                        registration.hook = name
                        registration.signature = text
                        return hookTable.pointee.add(host, &registration)
                    }
                }
                try check(status, "hook \(hook)")
            }
        }
    }
}

/// A hook's closure with the handle of its module.
final class HookBox<Body> {
    let host: UnsafePointer<apus_host>
    let body: Body

    init(host: UnsafePointer<apus_host>, _ body: Body) {
        self.host = host
        self.body = body
    }
}

/// The same for the hooks of a request: not generic, so that calling the closure needs no conversion.
final class RequestHookBox {
    let host: UnsafePointer<apus_host>
    let body: Hooks.RequestHook

    init(host: UnsafePointer<apus_host>, _ body: @escaping Hooks.RequestHook) {
        self.host = host
        self.body = body
    }
}

private func runRequestHook(_ ctx: UnsafeMutableRawPointer?, _ r: OpaquePointer?) -> apus_status {
    Unmanaged<RequestHookBox>.fromOpaque(ctx.unsafelyUnwrapped)._withUnsafeGuaranteedRef { box in
        let request = Request(r.unsafelyUnwrapped, host: box.host)
        do {
            return try box.body(request).rawValue
        } catch {
            return request.failed(error).rawValue
        }
    }
}

extension Request {
    /// Logs an error that left a hook. Answers what the hook comes to: a 500, or the status of a `ModuleError`.
    public func failed(_ error: any Error) -> Status { Status(rawValue: failure(error, host: host, request: self)) }
}

private func failure(_ error: any Error, host: UnsafePointer<apus_host>, request: Request?) -> apus_status {
    if error is AlreadyReported { return APUS_E_FAIL }
    Log(host: host).error("\(error)", request: request)
    return (error as? ModuleError)?.status.rawValue ?? APUS_E_FAIL
}

private func attempt(_ host: UnsafePointer<apus_host>, _ body: () throws -> Void) -> apus_status {
    do {
        try body()
        return APUS_OK
    } catch {
        return failure(error, host: host, request: nil)
    }
}

/// Calls `body` with a NULL-terminated array of C strings that lives during the call; nil for an empty one.
func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>?) throws -> Result
) rethrows -> Result {
    guard !strings.isEmpty else { return try body(nil) }
    let copies = strings.map { string in
        let bytes = Array(string.utf8CString)
        let place = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
        place.initialize(from: bytes, count: bytes.count)
        return place
    }
    defer { copies.forEach { $0.deallocate() } }
    var pointers: [UnsafePointer<CChar>?] = copies.map { UnsafePointer($0) }
    pointers.append(nil)
    return try pointers.withUnsafeBufferPointer { try body($0.baseAddress) }
}
