import Glibc
import ModuleKit

/// Gives each request a name that no other request has, on any machine: UNIQUE_ID.
///
/// A name is the second, ten bytes that each worker draws at random, and a number that the worker counts.
final class UniqueID: Module {
    static let info = ModuleInfo("unique_id_module", version: "1.0")

    private var root: (UInt64, UInt16) = (0, 0)
    /// Begins anywhere, so that a name does not tell how many came before it.
    private var counter: UInt32 = 0

    private static let length = 27

    init(_ host: Host) throws {
        try host.hooks.childInit { [unowned self] in draw() }
        try host.hooks.postReadRequest(Order(.first, flags: .explainable)) { [unowned self] request in
            if let earlier = request.previous?.environment["UNIQUE_ID"] {
                request.environment["UNIQUE_ID"] = earlier
            } else {
                request.environment["UNIQUE_ID"] = name(request, at: host.now)
            }
            return .declined
        }
    }

    private func draw() {
        var random = SystemRandomNumberGenerator()
        root = (random.next(), random.next())
        counter = random.next()
    }

    /// 18 bytes in 24 letters of Base 64, as they may stand in a URL (RFC 4648, 5), and the last two in three.
    private func name(_ request: Request, at now: Int64) -> Bytes {
        counter &+= 1
        let worker = UInt16(truncatingIfNeeded: getpid())
        return withUnsafeTemporaryAllocation(byteCount: 20, alignment: 8) { bytes in
            bytes.storeBytes(of: UInt32(truncatingIfNeeded: now / 1_000_000).bigEndian, as: UInt32.self)
            bytes.storeBytes(of: root.0, toByteOffset: 4, as: UInt64.self)
            bytes.storeBytes(of: root.1, toByteOffset: 12, as: UInt16.self)
            bytes.storeBytes(of: counter.bigEndian, toByteOffset: 14, as: UInt32.self)
            bytes.storeBytes(of: worker, toByteOffset: 18, as: UInt16.self)
            return request.pool.compose(capacity: Base64.encodedLength(20)) { writer in
                Base64.encode(Bytes(UnsafeRawBufferPointer(bytes)), &writer)
                for index in 0..<writer.count {
                    if writer.start[index] == UInt8(ascii: "+") { writer.start[index] = UInt8(ascii: "-") }
                    if writer.start[index] == UInt8(ascii: "/") { writer.start[index] = UInt8(ascii: "_") }
                }
            }.upTo(Self.length)
        }
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    UniqueID.descriptor(for: host, named: name)
}
