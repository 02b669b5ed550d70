public import ByteKit
public import ModuleABI
public import ModuleABI.Draft

/// What the server is made of; see apus/draft/inspect.h, whose id belongs into `ModuleInfo.requires`. Strings live during the
/// callback.
@_spi(Draft) extension Host {
    /// Calls `body` for each line of the configuration.
    public func eachConfigurationLine(_ body: @escaping (apus_config_line) -> Void) {
        calling(body) { visit in
            inspectTable.pointee.each_line(
                raw,
                { arg, line in
                    guard let line else { return }
                    arg?.assumingMemoryBound(to: ((apus_config_line) -> Void).self).pointee(line.pointee)
                }, visit)
        }
    }

    /// Calls `body` for each directive that a module has.
    public func eachDirective(of module: Bytes, _ body: @escaping (_ name: Bytes, _ help: Bytes, _ isSection: Bool) -> Void) {
        typealias Visit = (Bytes, Bytes, Bool) -> Void
        calling(body) { visit in
            inspectTable.pointee.each_directive(
                raw, module,
                { arg, name, help, isSection in
                    arg?.assumingMemoryBound(to: Visit.self).pointee(name, help, isSection != 0)
                }, visit)
        }
    }

    /// Calls `body` for each callback of each hook, in the order they run.
    public func eachCallback(_ body: @escaping (_ hook: Bytes, _ module: Bytes, _ position: Int32) -> Void) {
        typealias Visit = (Bytes, Bytes, Int32) -> Void
        calling(body) { visit in
            inspectTable.pointee.each_callback(
                raw,
                { arg, hook, module, position in
                    arg?.assumingMemoryBound(to: Visit.self).pointee(hook, module, position)
                }, visit)
        }
    }

    /// Calls `body` for each filter, from the handler to the wire.
    public func eachFilter(_ body: @escaping (_ name: Bytes, _ module: Bytes, _ isOutput: Bool) -> Void) {
        typealias Visit = (Bytes, Bytes, Bool) -> Void
        calling(body) { visit in
            inspectTable.pointee.each_filter(
                raw,
                { arg, name, module, direction in
                    arg?.assumingMemoryBound(to: Visit.self).pointee(name, module, direction == APUS_OUTPUT)
                }, visit)
        }
    }

    /// Calls `body` for each provider of each group.
    public func eachProvider(_ body: @escaping (_ group: Bytes, _ name: Bytes, _ module: Bytes) -> Void) {
        typealias Visit = (Bytes, Bytes, Bytes) -> Void
        calling(body) { visit in
            inspectTable.pointee.each_provider(
                raw,
                { arg, group, name, module in
                    arg?.assumingMemoryBound(to: Visit.self).pointee(group, name, module)
                }, visit)
        }
    }

    /// Hands a pointer to the closure on the stack to a function that calls it during the call only.
    private func calling<Visit>(_ body: Visit, _ call: (UnsafeMutableRawPointer) -> Void) {
        withUnsafePointer(to: body) { call(UnsafeMutableRawPointer(mutating: $0)) }
    }
}
