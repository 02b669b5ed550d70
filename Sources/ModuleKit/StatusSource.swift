public import ByteKit
public import ModuleABI

extension Host {
    /// Tells something on the status page, in pairs of a name and a value under a title; see apus/status.h.
    public func provideStatus(_ title: StaticString, _ tell: @escaping StatusSource.Tell) throws {
        let table = apus_status_source_v1(
            size: UInt32(MemoryLayout<apus_status_source_v1>.size), flags: 0,
            tell: { ctx, r, fact, arg in
                let source = Unmanaged<StatusSource>.fromOpaque(ctx.unsafelyUnwrapped).takeUnretainedValue()
                source.tell(Request(r.unsafelyUnwrapped, host: source.host)) { fact.unsafelyUnwrapped(arg, $0, $1) }
            })
        try provide(APUS_GROUP_STATUS, title, table, context: StatusSource(raw, tell))
    }

    /// The same about a cache, in the words of httpd where it has some. Nothing when there is no cache.
    public func provideStatus(_ title: StaticString, of cache: @escaping () -> ObjectCache?) throws {
        try provideStatus(title) { _, fact in
            cache()?.status { name, value in
                var key = StatusSource.cacheKey(name.string)
                key.withUTF8 { fact(Bytes(UnsafeRawBufferPointer($0)), value) }
            }
        }
    }

    /// Calls `body` for each thing that modules tell, with its title.
    public func eachStatusFact(_ request: Request, _ body: @escaping (_ title: Bytes, _ name: Bytes, _ value: Bytes) -> Void) {
        eachProvider(APUS_GROUP_STATUS) { title, _ in
            guard let (table, ctx) = provider(APUS_GROUP_STATUS, title, as: apus_status_source_v1.self) else { return }
            typealias Visit = (Bytes, Bytes) -> Void
            let visit: Visit = { body(title, $0, $1) }
            withUnsafePointer(to: visit) { visit in
                table.pointee.tell(
                    ctx, request.raw, { arg, name, value in arg?.assumingMemoryBound(to: Visit.self).pointee(name, value) },
                    UnsafeMutableRawPointer(mutating: visit))
            }
        }
    }
}

/// What a module tells on the status page.
public final class StatusSource {
    /// Tells facts about a request that is being answered.
    public typealias Tell = (_ request: Request, _ fact: (_ name: Bytes, _ value: Bytes) -> Void) -> Void

    fileprivate let host: UnsafePointer<apus_host>
    fileprivate let tell: Tell

    fileprivate init(_ host: UnsafePointer<apus_host>, _ tell: @escaping Tell) {
        self.host = host
        self.tell = tell
    }

    private static let httpdKeys = [
        "stores": "CacheStoreCount", "replaced": "CacheReplaceCount", "expired": "CacheExpireCount",
        "scrolled out": "CacheDiscardCount", "hits": "CacheRetrieveHitCount", "misses": "CacheRetrieveMissCount",
        "removes": "CacheRemoveHitCount", "remove misses": "CacheRemoveMissCount", "cache type": "CacheType",
    ]

    /// "CacheLockContention" for "lock contention".
    fileprivate static func cacheKey(_ name: String) -> String {
        httpdKeys[name] ?? "Cache" + name.split(separator: " ").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    }
}
