import ModuleABI
public import ModuleKit

/// A hook of requests that may wait.
///
/// It runs on the loop of the request's worker, before and after each `await`; while it waits, the request is suspended and no
/// thread is held. What it throws is logged and becomes a 500, or the status of a `ModuleError`. When the client goes away, or
/// the server's Timeout is over, its task is cancelled; the request stays until it has returned.
public typealias AsyncRequestHook = (Request) async throws -> Status

/// The hooks of requests as async functions. One that returns without having waited costs no suspension. A sub-request that is
/// only looked up cannot wait: a hook that would wait there is an error, so leave it out with `HookFlags.initialOnly`.
extension Hooks {
    /// As the hook of this name that cannot wait.
    public func postReadRequest(_ order: Order, _ body: @escaping AsyncRequestHook) throws { try add("post_read_request", order, body) }
    /// As the hook of this name that cannot wait.
    public func translateName(_ order: Order, _ body: @escaping AsyncRequestHook) throws { try add("translate_name", order, body) }
    /// As the hook of this name that cannot wait.
    public func mapToStorage(_ order: Order, _ body: @escaping AsyncRequestHook) throws { try add("map_to_storage", order, body) }
    /// As the hook of this name that cannot wait.
    public func headerParser(_ order: Order, _ body: @escaping AsyncRequestHook) throws { try add("header_parser", order, body) }
    /// As the hook of this name that cannot wait.
    public func access(_ order: Order, _ body: @escaping AsyncRequestHook) throws { try add("access_checker", order, body) }
    /// As the hook of this name that cannot wait.
    public func accessEx(_ order: Order, _ body: @escaping AsyncRequestHook) throws { try add("access_checker_ex", order, body) }
    /// As the hook of this name that cannot wait.
    public func checkUserID(_ order: Order, _ body: @escaping AsyncRequestHook) throws { try add("check_user_id", order, body) }
    /// As the hook of this name that cannot wait.
    public func authChecker(_ order: Order, _ body: @escaping AsyncRequestHook) throws { try add("auth_checker", order, body) }
    /// As the hook of this name that cannot wait.
    public func typeChecker(_ order: Order, _ body: @escaping AsyncRequestHook) throws { try add("type_checker", order, body) }
    /// As the hook of this name that cannot wait.
    public func fixups(_ order: Order, _ body: @escaping AsyncRequestHook) throws { try add("fixups", order, body) }
    /// As the hook of this name that cannot wait.
    public func handler(_ order: Order, _ body: @escaping AsyncRequestHook) throws { try add("handler", order, body) }

    private func add(_ hook: String, _ order: Order, _ body: @escaping AsyncRequestHook) throws {
        let run: @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?) -> apus_status = { ctx, r in
            let box = Unmanaged<AsyncHook>.fromOpaque(ctx.unsafelyUnwrapped).takeUnretainedValue()
            return HookRun.begin(Request(r.unsafelyUnwrapped, host: box.host), box.body).rawValue
        }
        try register(
            hook, "i(xR)", order.adding(.maySuspend), unsafeBitCast(run, to: apus_fn.self), AsyncHook(host: host, body: body))
    }
}

/// What stands behind the registration of an async hook.
private final class AsyncHook {
    let host: UnsafePointer<apus_host>
    let body: AsyncRequestHook

    init(host: UnsafePointer<apus_host>, body: @escaping AsyncRequestHook) {
        self.host = host
        self.body = body
    }
}
