import ModuleKit

/// The functions of the session module.
struct SessionFunctions {
    private typealias Get = @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?, apus_str) -> apus_str
    private typealias Set = @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?, apus_str, apus_str) -> apus_status

    private let getFunction: Get
    private let getContext: UnsafeMutableRawPointer?
    private let setFunction: Set
    private let setContext: UnsafeMutableRawPointer?

    /// Nil: the module is not loaded.
    init?(_ host: Host) {
        guard let get = host.function("session.get", "s(xRs)"), let getFunction = get.fn,
            let set = host.function("session.set", "i(xRss)"), let setFunction = set.fn
        else { return nil }
        self.getFunction = unsafeBitCast(getFunction, to: Get.self)
        self.setFunction = unsafeBitCast(setFunction, to: Set.self)
        (getContext, setContext) = (get.ctx, set.ctx)
    }

    /// The value of "REALM-NAME" in the request's session.
    func value(_ name: StaticString, of realm: Bytes, _ request: Request) -> Bytes {
        getFunction(getContext, request.raw, key(realm, name, request.pool))
    }

    /// Sets it; not set: removes it.
    func set(_ name: StaticString, of realm: Bytes, _ request: Request, _ value: Bytes) {
        _ = setFunction(setContext, request.raw, key(realm, name, request.pool), value)
    }

    private func key(_ realm: Bytes, _ name: StaticString, _ pool: Pool) -> Bytes {
        pool.compose(capacity: realm.count + name.utf8CodeUnitCount + 1) {
            $0.append(realm)
            $0.append("-")
            $0.append(name)
        }
    }
}
