public import ByteKit
public import ModuleABI

/// A shared object cache that a directive names as PROVIDER[:ARGUMENT]; see apus/socache.h.
public struct ObjectCache: @unchecked Sendable, BitwiseCopyable {
    /// The provider's functions.
    public let table: UnsafePointer<apus_socache_v1>
    /// The provider's cache.
    public let raw: UnsafeMutableRawPointer?

    /// Makes the cache that a directive's word names, such as "shmcb:logs/ssl_scache(512000)".
    public init(_ word: Bytes, for command: Command) throws {
        let host = Host(raw: command.host)
        let colon = word.firstIndex(of: 0x3a) ?? word.count
        let name = word.upTo(colon)
        guard let (table, ctx) = host.provider(APUS_GROUP_SOCACHE, name, as: apus_socache_v1.self) else {
            throw DirectiveError("\(command.name.string): \(host.withoutObjectCache(name.string))")
        }
        var cache: UnsafeMutableRawPointer?
        let argument = colon < word.count ? word.from(colon + 1) : .none
        guard table.pointee.make(ctx, command.raw, argument, &cache) == APUS_OK else { throw AlreadyReported() }
        self.table = table
        raw = cache
    }

    /// Whether an answer may take a while: `retrieve` may suspend.
    @inlinable public var mayBlock: Bool { table.pointee.flags & APUS_SOCACHE_MAY_BLOCK != 0 }
    /// Whether pool threads may use it.
    @inlinable public var isForAnyThread: Bool { table.pointee.flags & APUS_SOCACHE_ANY_THREAD != 0 }

    /// Makes or opens what backs it, or looks whether that could be. From open_config, with its reason.
    public func open(_ name: StaticString, idLength: Int, dataLength: Int, lifetime: Int64, reason: UInt32) throws {
        var hints = apus_socache_hints()
        hints.size = UInt32(MemoryLayout<apus_socache_hints>.size)
        hints.id_length = UInt32(clamping: idLength)
        hints.data_length = UInt32(clamping: dataLength)
        hints.lifetime_us = lifetime
        guard table.pointee.open(raw, Bytes(name), &hints, reason) == APUS_OK else { throw AlreadyReported() }
    }

    /// Keeps `data` under `id` until `expires`, in microseconds since 1970.
    @inlinable @discardableResult
    public func store(_ id: Bytes, expires: Int64, _ data: Bytes) -> Status {
        Status(rawValue: table.pointee.store(raw, id, expires, data))
    }

    /// Finds what was stored: `.ok` with `data` in `pool`, `.notFound`, or, of a cache that may block, `.suspended`: then
    /// `done` is called once, on this loop.
    @inlinable
    public func retrieve(
        _ id: Bytes, in pool: Pool, _ data: inout Bytes, context: UnsafeMutableRawPointer? = nil,
        done: @escaping apus_socache_done_fn
    ) -> Status {
        Status(rawValue: table.pointee.retrieve(raw, id, pool.raw, &data, done, context))
    }

    /// Drops what is stored under a name.
    @inlinable @discardableResult
    public func remove(_ id: Bytes) -> Status { Status(rawValue: table.pointee.remove(raw, id)) }

    /// Tells about the cache in pairs of a name and a value.
    public func status(_ body: (_ name: Bytes, _ value: Bytes) -> Void) {
        typealias Visit = (Bytes, Bytes) -> Void
        withoutActuallyEscaping(body) { body in
            // The callback runs during the call only, so a pointer to the closure on the stack will do.
            withUnsafePointer(to: body as Visit) { visit in
                table.pointee.status(
                    raw, { arg, name, value in arg?.assumingMemoryBound(to: Visit.self).pointee(name, value) },
                    UnsafeMutableRawPointer(mutating: visit))
            }
        }
    }

    /// Lets go of a cache that was never opened.
    public func close() { table.pointee.close(raw) }
}

extension Host {
    /// What to say about a kind of cache that no loaded module provides.
    fileprivate func withoutObjectCache(_ name: String) -> String {
        let ours = ["shmcb": "shmcb", "dbm": "dbm", "memcache": "memcache", "redis": "redis", "rediss": "redis"]
        if let module = ours[name] {
            return "\"\(name)\" needs mod_socache_\(module); add: "
                + "LoadModule socache_\(module)_module modules/mod_socache_\(module).so"
        }
        var known: [String] = []
        eachProvider(APUS_GROUP_SOCACHE) { name, _ in known.append(name.string) }
        let loaded = known.isEmpty ? "no module with one is loaded" : "loaded are \(known.joined(separator: ", "))"
        return "there is no kind of cache named \"\(name)\"; \(loaded), and there are mod_socache_shmcb, "
            + "mod_socache_dbm, mod_socache_memcache and mod_socache_redis"
    }
}
