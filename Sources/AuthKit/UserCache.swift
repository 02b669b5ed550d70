import ByteKit
import ModuleABI
import ModuleKit

/// Tells the shared cache of users, where its module is loaded, what a provider has looked up.
final class UserCache {
    private typealias Function =
        @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?, apus_str, apus_str, apus_str, apus_str) -> Void

    private let provider: Bytes
    private var function: Function?
    private var context: UnsafeMutableRawPointer?

    /// - Parameter provider: the name that AuthnCacheProvideFor has for it.
    init(_ host: Host, provider: StaticString) throws {
        self.provider = Bytes(provider)
        try host.hooks.optionalFunctions { self.find(host) }
    }

    private func find(_ host: Host) {
        guard let link = host.function("authn_socache.store", "v(xRssss)"), let fn = link.fn else { return }
        function = unsafeBitCast(fn, to: Function.self)
        context = link.ctx
    }

    /// For Basic.
    func note(_ request: Request, user: Bytes, _ found: StoredUser) {
        guard let function, found.isKnown else { return }
        function(context, request.raw, provider, user, .none, found.password)
    }

    /// For Digest.
    func note(_ request: Request, user: Bytes, realm: Bytes, stored: Bytes) {
        function?(context, request.raw, provider, user, realm, stored)
    }
}
