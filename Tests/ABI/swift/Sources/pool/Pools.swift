import ModuleKit
import Support

/// Memory: what is called when it goes, and in which order.
final class Pools: Module {
    static let info = ModuleInfo("abi_pool_module", version: "1.0")

    private let host: Host
    private let table: UnsafePointer<apus_pool_v1>

    init(_ host: Host) throws {
        self.host = host
        table = host.table(APUS_EXT_POOL, as: apus_pool_v1.self)
        try host.hooks.logTransaction(.last) { request in
            if request.handler == "abi", request.path == "/order" { host.log.warn("freed logged") }
            return .declined
        }
        try host.hooks.handler(.middle, handle)
    }

    private func handle(_ request: Request) throws -> Status {
        guard request.handler == "abi" else { return .declined }
        let pool = request.pool
        let log = host.log
        var text = ""
        switch request.path.string {
        case "/order":
            for word in ["one", "two", "three"] { pool.onDestroy { log.warn("freed \(word)") } }
        case "/children":
            let early = child(of: pool.raw, "early child")
            let late = child(of: pool.raw, "late child")
            _ = child(of: late, "grandchild")
            let orphan = child(of: nil, "orphan")
            pool.onDestroy { log.warn("freed parent") }
            table.pointee.destroy(early)
            log.warn("freed early done")
            table.pointee.destroy(orphan)
            log.warn("freed orphan done")
        case "/memory": text = memory(pool)
        default: return .declined
        }
        return try request.reply(200, text: text, contentType: "text/plain")
    }

    private func child(of parent: OpaquePointer?, _ name: String) -> OpaquePointer? {
        let made = table.pointee.create(parent)
        let log = host.log
        if let made { Pool(made).onDestroy { log.warn("freed \(name)") } }
        return made
    }

    private func memory(_ pool: Pool) -> String {
        var isAligned = true
        var isClear = true
        for count in stride(from: 0, to: 300, by: 7) {
            guard let a = table.pointee.alloc(pool.raw, count), let z = table.pointee.zalloc(pool.raw, count)
            else { return "none" }
            isAligned = isAligned && Int(bitPattern: a) % 16 == 0 && Int(bitPattern: z) % 16 == 0
            for index in 0..<count where z.load(fromByteOffset: index, as: UInt8.self) != 0 {
                isClear = false
            }
            a.initializeMemory(as: UInt8.self, repeating: 0xff, count: count)
            z.initializeMemory(as: UInt8.self, repeating: 0xff, count: count)
        }
        pool.allocate(UInt8.self, count: 3 << 20).initialize(repeating: 1, count: 3 << 20)
        let copy = pool.copy(Bytes("bytes"))
        let none = pool.copy(Bytes.none)
        return "\(isAligned ? 1 : 0) \(isClear ? 1 : 0) \(copy.string) \(copy.ptr[5]) \(none.count) "
            + "\(none.ptr != nil && none.ptr[0] == 0 ? 1 : 0)"
    }
}

@c(apus_module_entry)
public func entry(_ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>) -> UnsafePointer<
    apus_module
>? {
    Pools.descriptor(for: host, named: name)
}
