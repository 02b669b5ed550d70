import ByteKit
import ModuleABI

/// apus/confset.h
enum ConfsetExtension {
    static let table = apus_confset_v1(
        size: Extensions.size(apus_confset_v1.self), reserved: 0,
        walk: { cmd, out in
            let context = DirectiveContext.of(cmd)
            let before = context.builder.diagnostics.errorCount
            let section = Section(
                id: context.builder.configuration.takeSectionID(), match: .prefix, pattern: Bytes(""), depth: 0, regex: nil,
                conf: context.builder.newVector())
            let scope = ConfigScope(.directory, path: section.pattern, server: context.scope.server, conf: section.conf)
            context.builder.walk(context.node.children, in: scope)
            guard context.builder.diagnostics.errorCount == before else {
                context.noteFailure()
                return APUS_E_FAIL
            }
            out?.pointee = OpaquePointer(context.arena.new(section))
            return APUS_OK
        },
        call: { r, set, fn, arg in
            guard let set, let fn else { return APUS_E_INVALID }
            let r = Request.Ref.of(r)
            let own = r.pointee.conf
            r.pointee.conf = theWorker.pointee.confsets.conf(r, UnsafePointer<Section>(set))
            defer { r.pointee.conf = own }
            return fn(arg)
        })
}

/// The configurations of requests with a set merged over them, by the identities of both.
struct ConfsetCache {
    private struct Key: Hashable {
        let conf: UInt64
        let set: UInt32
    }

    private static let limit = 1024

    private var merged: [Key: UnsafePointer<MergedConf>] = [:]
    private var arena = Arena.make(nil)

    /// The configuration of `r` with the set over it. One that is made for a configuration that passes away is never found
    /// again, as no other has its identity.
    mutating func conf(_ r: Request.Ref, _ set: UnsafePointer<Section>) -> UnsafePointer<MergedConf> {
        let base = r.pointee.conf
        let key = Key(conf: base.pointee.identity, set: set.pointee.id)
        if let known = merged[key] { return known }
        if merged.count >= ConfsetCache.limit {
            theWorker.pointee.epochs.retire(arena)
            arena = Arena.make(nil)
            merged.removeAll()
        }
        let conf = UnsafePointer(theWorker.pointee.mergeCache.merge(base, set, in: arena))
        merged[key] = conf
        return conf
    }
}
