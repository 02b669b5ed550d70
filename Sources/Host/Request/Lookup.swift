import ByteKit
import ModuleABI

/// Requests asked about for another: what they would be, without their handler. Each has memory of its own, which goes with
/// that of the request it was asked for at the latest.
enum Lookup {
    /// What frees a looked-up request when the outer one goes; empty once it has been freed.
    struct Owner {
        var arena: Arena.Ref?
        let request: Request.Ref
    }

    static func path(_ r: Request.Ref, _ target: Bytes) -> Request.Ref? {
        let sub = make(r)
        guard InternalRedirect.aim(sub, at: target, from: r) else { return give(up: sub) }
        // What was read of the client, post_read_request has seen.
        sub.pointee.step = .quickHandler
        return run(sub, for: r)
    }

    /// The file `name` beside that of r, whatever its path would be translated to.
    static func file(_ r: Request.Ref, _ name: Bytes) -> Request.Ref? {
        guard r.pointee.filename.isSet, !name.isEmpty, !name.contains(0) else { return nil }
        let sub = make(r)
        let arena = sub.pointee.arena
        sub.pointee.path = arena.join(directory(of: r.pointee.path, isDirectory: false, arena), name)
        sub.pointee.target = sub.pointee.path
        sub.pointee.localRoot = r.pointee.localRoot
        let isDirectory = r.pointee.file.kind == .directory
        sub.pointee.filename = arena.join(directory(of: r.pointee.filename, isDirectory: isDirectory, arena), name)
        do throws(HeadProblem) {
            try SectionWalk.locations(sub)
        } catch {
            return give(up: sub)
        }
        sub.pointee.step = .mapToStorage
        return run(sub, for: r)
    }

    /// A file by its name, absolute or relative to the directory of r's: no path of a URL leads to it.
    static func file(named name: Bytes, for r: Request.Ref) -> Request.Ref? {
        guard !name.isEmpty, !name.contains(0) else { return nil }
        let sub = make(r)
        let arena = sub.pointee.arena
        let directory = r.pointee.filename.upTo((r.pointee.filename.lastIndex(of: 0x2f) ?? -1) + 1)
        let file = name[0] == 0x2f ? arena.copy(name) : arena.join(directory, name)
        guard !file.isEmpty, file[0] == 0x2f else { return give(up: sub) }
        sub.pointee.path = Bytes("")
        sub.pointee.filename = file
        sub.pointee.step = .mapToStorage
        return run(sub, for: r)
    }

    private static func directory(of path: Bytes, isDirectory: Bool, _ arena: Arena.Ref) -> Bytes {
        if isDirectory, !path.isEmpty, path[path.count - 1] != 0x2f { return arena.join(path, Bytes("/")) }
        return path.upTo((path.lastIndex(of: 0x2f) ?? -1) + 1)
    }

    private static func make(_ r: Request.Ref) -> Request.Ref {
        // The worker's blocks are the loop's alone.
        let arena = Worker.isLoopThread ? Arena.make(&theWorker.pointee.chunks) : Arena.make(nil)
        let sub = InternalRedirect.derive(from: r, in: arena)
        let owner = r.pointee.arena.new(Owner(arena: arena, request: sub))
        sub.pointee.owner = owner
        r.pointee.arena.pointee.onDestroy(owner) { raw in
            guard let owner = raw?.assumingMemoryBound(to: Owner.self), let arena = owner.pointee.arena else { return }
            Filters.end(owner.pointee.request)
            Arena.destroy(arena)
        }
        sub.pointee.main = r
        sub.pointee.method = Bytes("GET")
        sub.pointee.methodKind = .get
        sub.pointee.isHead = false
        sub.pointee.nesting = r.pointee.nesting + 1
        for field in r.pointee.environment.fields { sub.pointee.environment.append(field, arena) }
        return sub
    }

    private static func run(_ sub: Request.Ref, for r: Request.Ref) -> Request.Ref {
        let limit = r.pointee.server.pointee.limits.subrequests
        guard sub.pointee.nesting <= limit else {
            ErrorLog.write(
                .error, code: "AH00125", request: r,
                "sub-requests are nested more than \(limit) deep (LimitInternalRecursion): a file or a rule leads back to itself")
            sub.pointee.status = 500
            return sub
        }
        Telling.begin(sub, .subrequest)
        switch Phases.run(sub, upTo: .fixups) {
        case .finished, .answered: break
        case .waiting:
            // A hook that waits cannot be waited for here: the answer is not known.
            sub.pointee.status = 500
        case .failed(let status): sub.pointee.status = status < 0 ? 500 : status
        }
        return sub
    }

    private static func give(up sub: Request.Ref) -> Request.Ref? {
        destroy(sub)
        return nil
    }

    static func destroy(_ sub: Request.Ref) {
        guard let owner = sub.pointee.owner, let arena = owner.pointee.arena, sub.pointee.sink == nil else { return }
        owner.pointee.arena = nil
        Filters.end(sub)
        Arena.destroy(arena)
    }

    /// The outer request uses its strings from now on: it is not to be freed before that.
    static func keep(_ sub: Request.Ref) { sub.pointee.owner = nil }
}
