public import ModuleABI
public import ModuleKit

/// Asks the module that knows the owners of files.
public final class FileGroup {
    private typealias Function = @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?) -> apus_str

    private var function: Function?
    private var context: UnsafeMutableRawPointer?

    public init() {}

    /// From the optional_fn_retrieve hook.
    public func find(_ host: Host) {
        guard let link = host.function("authz_owner.file_group", "s(xR)"), let fn = link.fn else { return }
        function = unsafeBitCast(fn, to: Function.self)
        context = link.ctx
    }

    /// The group of the file that is asked for; none: it is not known.
    public func name(for request: Request) -> Bytes { function?(context, request.raw) ?? .none }
}
