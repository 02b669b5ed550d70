public import ByteKit
import ModuleABI

/// AuthType and AuthName as authn_core knows them; nothing when that module is not loaded. For an AuthType of one's own.
public final class AuthSettings {
    private typealias Function = @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?) -> apus_str

    private var typeFunction: Function?
    private var realmFunction: Function?
    private var typeContext: UnsafeMutableRawPointer?
    private var realmContext: UnsafeMutableRawPointer?

    /// Knows nothing yet.
    public init() {}

    /// From the optional_fn_retrieve hook.
    public func find(_ host: Host) {
        if let link = host.function("authn_core.auth_type", "s(xR)"), let fn = link.fn {
            typeFunction = unsafeBitCast(fn, to: Function.self)
            typeContext = link.ctx
        }
        if let link = host.function("authn_core.auth_name", "s(xR)"), let fn = link.fn {
            realmFunction = unsafeBitCast(fn, to: Function.self)
            realmContext = link.ctx
        }
    }

    /// None: no AuthType, or "None".
    public func type(of request: Request) -> Bytes { typeFunction?(typeContext, request.raw) ?? .none }

    /// As it stands between the quotation marks of a challenge.
    public func realm(of request: Request) -> Bytes { realmFunction?(realmContext, request.raw) ?? .none }
}
