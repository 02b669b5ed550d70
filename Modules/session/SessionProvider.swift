import ModuleKit

/// A module that stores sessions or encodes them.
struct SessionProvider<Table> {
    private typealias Place = @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?) -> apus_str

    let table: UnsafePointer<Table>
    let context: UnsafeMutableRawPointer?
    private let place: (function: Place, context: UnsafeMutableRawPointer?)?

    /// All of a group, in order of their names.
    static func all(of group: String, _ host: Host) -> [SessionProvider] {
        var all: [SessionProvider] = []
        host.eachProvider(group) { name, module in
            if let found = SessionProvider(group, name, module, host) { all.append(found) }
        }
        return all
    }

    private init?(_ group: String, _ name: Bytes, _ module: Bytes, _ host: Host) {
        guard let (table, context) = host.provider(group, name, as: Table.self) else { return nil }
        self.table = table
        self.context = context
        let prefix = module.hasSuffix(Bytes("_module")) ? module.upTo(module.count - 7) : module
        if let link = host.function("\(prefix.string).place", "s(xR)"), let function = link.fn {
            place = (unsafeBitCast(function, to: Place.self), link.ctx)
        } else {
            place = nil
        }
    }

    /// What the optional function MODULE.place says, such as session_cookie.place: a text that is the same wherever the module
    /// loads the same session in the same way; not set: nothing of a session there. Without the function nobody knows, and
    /// each request is a place of its own.
    func place(of request: Request) -> Bytes {
        if let place { return place.function(place.context, request.raw) }
        return request.pool.compose(capacity: 20) { $0.append(decimal: Int64(Int(bitPattern: request.raw))) }
    }
}
