import ModuleKit

/// How the requirements of a section stand to those of the sections before it.
enum Merging: UInt8, BitwiseCopyable {
    /// They replace them, if there are any.
    case unset
    /// They replace them, be there any or not.
    case off
    case and, or
}

/// A setting that may be left to the outer scope.
enum Choice: UInt8, BitwiseCopyable {
    case unset, off, on
}

/// What is required in a directory. Raw memory only: it is walked for every request.
struct AuthzDirConf: Configuration {
    /// The requirements as one tree; nil: none.
    var root: UnsafeMutablePointer<Requirement>?
    var merging = Merging.unset
    /// Whether a known user who may not is told 403 instead of 401.
    var forbidsOnFailure = Choice.unset

    func merged(
        over base: AuthzDirConf, settings: [(inout AuthzDirConf) -> Void], in pool: Pool
    ) -> AuthzDirConf {
        var merged = self
        merged.root = root(over: base.root, in: pool)
        if forbidsOnFailure == .unset { merged.forbidsOnFailure = base.forbidsOnFailure }
        return merged
    }

    private func root(
        over outer: UnsafeMutablePointer<Requirement>?, in pool: Pool
    ) -> UnsafeMutablePointer<Requirement>? {
        switch merging {
        case .off: return root
        case .unset: return root ?? outer
        case .and, .or:
            guard let outer, let root else { return root ?? outer }
            let both = pool.make(Requirement.implicit(merging == .and ? .all : .any))
            // Copies: a requirement knows its neighbour, and each of the two stands in a list of its own
            // already.
            both.pointee.append(pool.make(outer.pointee.alone))
            both.pointee.append(pool.make(root.pointee.alone))
            return both
        }
    }
}

extension Pool {
    /// A value in memory of the pool.
    func make<T: BitwiseCopyable>(_ value: T) -> UnsafeMutablePointer<T> {
        let place = allocate(T.self)
        place.initialize(to: value)
        return place
    }
}
