public import ByteKit
public import ModuleABI

extension Host {
    /// Offers a vtable under a name in a group. The vtable and the context live for ever.
    public func provide<Table>(_ group: String, _ name: StaticString, _ table: Table, context: AnyObject?) throws {
        let place = UnsafeMutablePointer<Table>.allocate(capacity: 1)
        place.initialize(to: table)
        let ctx = context.map { Unmanaged.passRetained($0).toOpaque() }
        try check(providerTable.pointee.provide(raw, group, Bytes(name), place, ctx), "provider \(name) of \(group)")
    }

    /// The same with a context that is a bare pointer.
    public func provide<Table>(
        _ group: String, _ name: StaticString, _ table: Table, rawContext: UnsafeMutableRawPointer?
    ) throws {
        try provide(group, Bytes(name), table, rawContext: rawContext)
    }

    /// The same under a name that is known only from the configuration.
    public func provide<Table>(
        _ group: String, _ name: Bytes, _ table: Table, rawContext: UnsafeMutableRawPointer?
    ) throws {
        let place = UnsafeMutablePointer<Table>.allocate(capacity: 1)
        place.initialize(to: table)
        try check(providerTable.pointee.provide(raw, group, name, place, rawContext), "provider \(name.string) of \(group)")
    }

    /// A provider's vtable and context; nil: no such one.
    public func provider<Table>(_ group: String, _ name: Bytes, as type: Table.Type) -> (UnsafePointer<Table>, UnsafeMutableRawPointer?)? {
        var table: UnsafeRawPointer?
        var ctx: UnsafeMutableRawPointer?
        guard providerTable.pointee.find(raw, group, name, &table, &ctx) == APUS_OK, let table else { return nil }
        return (table.assumingMemoryBound(to: Table.self), ctx)
    }

    /// Calls `body` for each provider of a group, by name, with the name of its module.
    public func eachProvider(_ group: String, _ body: (_ name: Bytes, _ module: Bytes) -> Void) {
        typealias Visit = (Bytes, Bytes) -> Void
        withoutActuallyEscaping(body) { body in
            // The callback runs during the call only, so a pointer to the closure on the stack will do.
            withUnsafePointer(to: body as Visit) { visit in
                providerTable.pointee.each(
                    raw, group,
                    { arg, name, module, _, _ in arg?.assumingMemoryBound(to: Visit.self).pointee(name, module) },
                    UnsafeMutableRawPointer(mutating: visit))
            }
        }
    }

    /// Offers an optional function; see apus/functions.h for signatures.
    public func publish(_ name: String, _ signature: String, _ fn: apus_fn, context: AnyObject?) throws {
        let ctx = context.map { Unmanaged.passRetained($0).toOpaque() }
        try check(functionTable.pointee.publish(raw, name, signature, fn, ctx), "function \(name)")
    }

    /// Finds an optional function; from the optional_fn_retrieve hook on.
    public func function(_ name: String, _ signature: String) -> apus_link? {
        var link = apus_link()
        guard functionTable.pointee.find(raw, name, signature, &link) == APUS_OK else { return nil }
        return link
    }
}
