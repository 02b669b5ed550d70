import COpenSSL
import ModuleABI.Draft
import ModuleKit

/// What the TLS connections of a process share. Made when the module is attached and never freed; the leader
/// fills in the contexts and each worker inherits them with the fork. Plain memory, so that reading and
/// writing count no references.
///
/// The buffers are the process's own because its connections take turns on one loop: none of them holds bytes
/// of a connection beyond a call, but for ciphertext that its `inputOwner` has not consumed yet.
struct TLSProcess {
    static let inputCapacity = 32 * 1024
    static let outputCapacity = 256 * 1024
    static let recordSize = 16 * 1024

    let host: UnsafePointer<apus_host>
    let wire: UnsafePointer<apus_wire_v0>
    let servers: UnsafePointer<apus_server_v1>
    let method: OpaquePointer

    /// The context of each server by its number; nil: it does not speak TLS.
    var contexts: UnsafeMutablePointer<UnsafeMutablePointer<ServerContext>?>
    private(set) var contextCount = 0
    /// The keys of session tickets that all workers share; nil: OpenSSL's own, in -X or a configuration test.
    var tickets: SharedTicketKeys?
    /// In a worker: what it has of its own.
    var worker: Unmanaged<WorkerState>?
    /// TLS to other servers.
    var upstreams: Unmanaged<Upstreams>?
    var namePolicy = NamePolicy.secure
    var counts: HandshakeCounts?

    /// Ciphertext as it came from the wire.
    let input = UnsafeMutableRawPointer.allocate(byteCount: inputCapacity, alignment: 64)
    var inputStart = 0
    var inputEnd = 0
    var inputOwner: UnsafeMutablePointer<TLSConnection>?

    /// Ciphertext of the call at hand, on its way to the wire.
    let output = UnsafeMutableRawPointer.allocate(byteCount: outputCapacity, alignment: 64)
    var outputCount = 0

    /// Where small parts are put together into one record.
    let record = UnsafeMutableRawPointer.allocate(byteCount: recordSize, alignment: 64)

    /// Makes the one of this image.
    static func make(_ host: Host) throws -> UnsafeMutablePointer<TLSProcess> {
        guard let conn = host.raw.pointee.extension(host.raw, APUS_EXT_WIRE),
            let server = host.raw.pointee.extension(host.raw, APUS_EXT_SERVER),
            let method = wireMethod()
        else { throw ModuleError("OpenSSL cannot make a BIO method: \(ErrorQueue.takeReason())") }
        let process = UnsafeMutablePointer<TLSProcess>.allocate(capacity: 1)
        process.initialize(
            to: TLSProcess(
                host: host.raw, wire: conn.assumingMemoryBound(to: apus_wire_v0.self),
                servers: server.assumingMemoryBound(to: apus_server_v1.self), method: method))
        return process
    }

    /// The one that a provider's ctx names.
    @inline(__always)
    static func from(_ ctx: UnsafeMutableRawPointer?) -> UnsafeMutablePointer<TLSProcess> {
        ctx.unsafelyUnwrapped.assumingMemoryBound(to: TLSProcess.self)
    }

    private init(
        host: UnsafePointer<apus_host>, wire: UnsafePointer<apus_wire_v0>,
        servers: UnsafePointer<apus_server_v1>,
        method: OpaquePointer
    ) {
        self.host = host
        self.wire = wire
        self.servers = servers
        self.method = method
        contexts = .allocate(capacity: 1)
    }

    mutating func makeRoom(for servers: Int) {
        contexts.deallocate()
        contexts = .allocate(capacity: servers)
        contexts.initialize(repeating: nil, count: servers)
        contextCount = servers
    }

    func index(of server: OpaquePointer?) -> Int { Int(servers.pointee.number(server, APUS_S_INDEX)) }

    /// The context of a server; nil: it does not speak TLS.
    func context(_ index: Int) -> UnsafeMutablePointer<ServerContext>? {
        index >= 0 && index < contextCount ? contexts[index] : nil
    }
}
