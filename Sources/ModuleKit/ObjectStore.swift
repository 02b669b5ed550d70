public import ByteKit
public import ModuleABI

/// What its user knows about the objects of a cache; zero is unknown.
public struct ObjectHints: Sendable {
    /// How long names are, on average; 0: nobody knows.
    public var idLength = 0
    /// How long the values are, on average; 0: nobody knows.
    public var dataLength = 0
    /// How long an object is usually kept, in microseconds.
    public var lifetime: Int64 = 0

    init(_ raw: UnsafePointer<apus_socache_hints>?) {
        guard let raw, raw.pointee.size >= 24 /* of ABI 1.0 */ else { return }
        idLength = Int(raw.pointee.id_length)
        dataLength = Int(raw.pointee.data_length)
        lifetime = raw.pointee.lifetime_us
    }
}

/// One cache of a provider of group "socache/1": what a subclass does stands in apus/socache.h.
open class ObjectStore {
    /// A store that holds nothing.
    public init() {}

    /// Makes or opens what backs it; with reason CHECK looks whether that could be. A thrown error is reported at the
    /// directive that `init` was given.
    open func open(_ name: Bytes, _ hints: ObjectHints, reason: UInt32) throws {}
    /// Keeps a value until it expires, in microseconds since 1970.
    open func store(_ id: Bytes, expires: Int64, _ data: Bytes) -> apus_status { APUS_E_UNSUPPORTED }
    /// Looks a value up, copied into `pool`.
    open func retrieve(
        _ id: Bytes, in pool: Pool, _ data: inout Bytes, _ done: apus_socache_done_fn?, _ context: UnsafeMutableRawPointer?
    ) -> apus_status { APUS_E_NOT_FOUND }
    /// Drops a value.
    open func remove(_ id: Bytes) -> apus_status { APUS_OK }
    /// Tells what a status page shows of it.
    open func status(_ fact: (_ name: StaticString, _ value: String) -> Void) {}
}

extension Host {
    /// Offers a kind of cache under a name. `make` checks a directive's argument; what it throws is shown there.
    public func provideObjectStore(
        _ name: StaticString, flags: UInt32, _ make: @escaping (Command, Bytes) throws -> ObjectStore
    ) throws {
        let table = apus_socache_v1(
            size: UInt32(MemoryLayout<apus_socache_v1>.size), flags: flags,
            make: { ctx, cmd, argument, out in
                Maker.from(ctx).make(cmd, argument, out)
            },
            open: { cache, name, hints, reason in Kept.from(cache).open(name, hints, reason) },
            store: { cache, id, expires, data in
                Kept.with(cache) { $0.store(id, expires: expires, data) }
            },
            retrieve: { cache, id, pool, data, done, context in
                guard let pool, let data else { return APUS_E_INVALID }
                return Kept.with(cache) { $0.retrieve(id, in: Pool(pool), &data.pointee, done, context) }
            },
            remove: { cache, id in Kept.with(cache) { $0.remove(id) } },
            status: { cache, fact, arg in
                guard let fact else { return }
                Kept.from(cache).store.status { name, value in
                    var value = value
                    value.withUTF8 { fact(arg, Bytes(name), Bytes(UnsafeRawBufferPointer($0))) }
                }
            },
            close: { cache in
                if let cache { Unmanaged<Kept>.fromOpaque(cache).release() }
            })
        try provide(APUS_GROUP_SOCACHE, name, table, context: Maker(host: raw, make))
    }
}

/// What stands behind the ctx of a provider.
private final class Maker {
    let host: UnsafePointer<apus_host>
    let body: (Command, Bytes) throws -> ObjectStore

    init(host: UnsafePointer<apus_host>, _ body: @escaping (Command, Bytes) throws -> ObjectStore) {
        self.host = host
        self.body = body
    }

    static func from(_ ctx: UnsafeMutableRawPointer?) -> Maker {
        Unmanaged<Maker>.fromOpaque(ctx.unsafelyUnwrapped).takeUnretainedValue()
    }

    func make(
        _ cmd: OpaquePointer?, _ argument: Bytes, _ out: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
    ) -> apus_status {
        guard let cmd, let out else { return APUS_E_INVALID }
        let command = Command(raw: cmd, host: host)
        do {
            let kept = Kept(try body(command, argument), for: command)
            out.pointee = Unmanaged.passRetained(kept).toOpaque()
            return APUS_OK
        } catch {
            return command.fail(error)
        }
    }
}

/// What stands behind a cache: the store, and the directive that asked for it.
private final class Kept {
    let store: ObjectStore
    let host: Host
    let directive: String
    let file: String
    let line: Int

    init(_ store: ObjectStore, for command: Command) {
        self.store = store
        host = Host(raw: command.host)
        directive = command.name.string
        file = command.location.file.string
        line = command.location.line
    }

    static func from(_ cache: UnsafeMutableRawPointer?) -> Kept {
        Unmanaged<Kept>.fromOpaque(cache.unsafelyUnwrapped).takeUnretainedValue()
    }

    static func with(_ cache: UnsafeMutableRawPointer?, _ body: (ObjectStore) -> apus_status) -> apus_status {
        Unmanaged<Kept>.fromOpaque(cache.unsafelyUnwrapped)._withUnsafeGuaranteedRef { body($0.store) }
    }

    func open(_ name: Bytes, _ hints: UnsafePointer<apus_socache_hints>?, _ reason: UInt32) -> apus_status {
        do {
            try store.open(name, ObjectHints(hints), reason: reason)
            return APUS_OK
        } catch {
            guard !(error is AlreadyReported) else { return APUS_E_FAIL }
            let problem = (error as? DirectiveError)?.message ?? String(describing: error)
            host.report(.error, code: "APUS4000", file: file, line: line, "\(directive): \(problem)")
            return APUS_E_FAIL
        }
    }
}
