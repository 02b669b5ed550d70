import ByteKit
import ModuleABI

/// How the phases about access stand to each other, and to those of the request that a request came of.
enum AccessRules {
    /// The function by which a module with the directive Satisfy says what it asks of a request.
    struct Satisfies {
        private typealias Function = @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?) -> Int32

        private static let name = "access_compat.satisfies"
        private static let signature = "i(xR)"
        /// What it answers when either who the client is or where it is suffices.
        private static let any: Int32 = 2

        private let function: Function
        private let context: UnsafeMutableRawPointer?

        init?(_ runtime: Runtime) {
            guard let found = runtime.providers.functions[Satisfies.name], found.signature.text == Satisfies.signature,
                let fn = found.link.fn
            else { return nil }
            function = unsafeBitCast(fn, to: Function.self)
            context = found.link.ctx
        }

        func isAny(_ r: Request.Ref) -> Bool { function(context, r.handle) == Satisfies.any }
    }

    /// Whether being let in by access_checker is enough, and being refused by it not final.
    @inline(__always)
    static func isEitherEnough(_ r: Request.Ref) -> Bool { theWorker.pointee.satisfies?.isAny(r) ?? false }

    /// Whether the request it came of has passed with the very same configuration; then that one's user is taken over.
    ///
    /// An error page counts as well, so that the page for 401 can lie in what is protected.
    @inline(__always)
    static func isSettled(_ r: Request.Ref) -> Bool {
        guard r.pointee.link == 0, let before = r.pointee.previous ?? r.pointee.main else { return false }
        return isSettled(r, by: before)
    }

    @inline(never)
    private static func isSettled(_ r: Request.Ref, by before: Request.Ref) -> Bool {
        guard before.pointee.conf == r.pointee.conf else { return false }
        let isErrorPage = r.pointee.isInErrorPage && r.pointee.previous != nil
        guard before.pointee.step.rawValue > Step.authChecker.rawValue || isErrorPage else { return false }
        r.pointee.user = before.pointee.user
        r.pointee.authType = before.pointee.authType
        return true
    }
}
