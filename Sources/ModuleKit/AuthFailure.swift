public import ByteKit
public import ModuleABI

extension Hooks {
    /// Sets the fields that tell a client how to say who it is, when the type is the module's; else declines.
    public func noteAuthFailure(_ order: Order, _ body: @escaping (_ request: Request, _ type: Bytes) -> Status) throws {
        let fn: AuthFailureHook.Function = { ctx, r, type in
            let box = Unmanaged<HookBox<(Request, Bytes) -> Status>>.fromOpaque(ctx.unsafelyUnwrapped).takeUnretainedValue()
            return box.body(Request(r.unsafelyUnwrapped, host: box.host), type).rawValue
        }
        try register(
            AuthFailureHook.name, AuthFailureHook.signature, order, unsafeBitCast(fn, to: apus_fn.self),
            HookBox(host: host, body))
    }
}

/// The hook note_auth_failure, for modules that answer 401 on behalf of whoever asked for a user.
public struct AuthFailureHook: BitwiseCopyable, @unchecked Sendable {
    typealias Function = @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?, apus_str) -> apus_status

    static let name = "note_auth_failure"
    static let signature = "i(xRs)"

    private let raw: OpaquePointer?

    /// Finds the hook that mod_authn_core declares; without that module there is nobody to tell.
    public init(_ host: Host) {
        var found: OpaquePointer?
        let status = hookTable.pointee.find(host.raw, AuthFailureHook.name, AuthFailureHook.signature, &found)
        raw = status == APUS_OK ? found : nil
    }

    /// Has the module of that AuthType set its fields.
    public func run(_ request: Request, type: Bytes) {
        guard let raw else { return }
        var count: UInt32 = 0
        var stride: UInt32 = 0
        guard let links = hookTable.pointee.links(raw, &count, &stride) else { return }
        for index in 0..<Int(count) {
            let link = UnsafeRawPointer(links).load(fromByteOffset: index * Int(stride), as: apus_link.self)
            guard let fn = link.fn else { continue }
            if unsafeBitCast(fn, to: Function.self)(link.ctx, request.raw, type) != APUS_DECLINED { return }
        }
    }
}
