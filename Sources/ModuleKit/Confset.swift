import ModuleABI

/// Directory configuration that holds only while a module says so; see apus/confset.h, whose id belongs into
/// `ModuleInfo.requires`.
public struct ConfigurationSet: BitwiseCopyable, @unchecked Sendable {
    let raw: OpaquePointer

    /// Calls `body` while the set holds for the request, over its own configuration.
    public func during<R: BitwiseCopyable>(_ request: Request, _ body: () -> R) -> R? {
        var result: R?
        withoutActuallyEscaping({ result = body() }) { (body: @escaping () -> Void) in
            // The callback runs during the call only, so a pointer to the closure on the stack will do.
            withUnsafePointer(to: body) { pointer in
                _ = confsetTable.pointee.call(
                    request.raw, raw,
                    { arg in
                        arg?.assumingMemoryBound(to: (() -> Void).self).pointee()
                        return APUS_OK
                    }, UnsafeMutableRawPointer(mutating: pointer))
            }
        }
        return result
    }
}

extension Command {
    /// Handles the directives inside the section at hand as a set that holds nowhere by itself.
    public func walkAsSet() throws -> ConfigurationSet {
        var set: OpaquePointer?
        guard confsetTable.pointee.walk(raw, &set) == APUS_OK, let set else { throw AlreadyReported() }
        return ConfigurationSet(raw: set)
    }
}
