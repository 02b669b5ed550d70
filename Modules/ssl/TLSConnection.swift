import COpenSSL
import Glibc
import ModuleKit

typealias TLS = UnsafeMutablePointer<TLSConnection>

/// One TLS connection: plain memory that a C context pointer can name, freed by `close`.
struct TLSConnection {
    let ssl: OpaquePointer
    let conn: OpaquePointer
    let process: UnsafeMutablePointer<TLSProcess>
    /// The context of the handshake, and the server it was chosen for.
    var context: UnsafeMutablePointer<ServerContext>
    var serverIndex: Int
    /// Ciphertext that another connection's turn pushed out of the process's input buffer.
    var stash = Pending()
    /// Ciphertext that goes before anything else.
    var pending = Pending()

    /// The session that the client wants to go on with, in a cache that has to be waited for.
    var lookup: UnsafeMutablePointer<SessionLookup>?
    /// What the client is asked for in the handshake at hand, or was in the last one.
    var asked: ClientQuestion
    /// The look-up of the client's certificate with its responder.
    var clientStatus: Unmanaged<ClientStatus>?
    /// The first handshake has been counted.
    var isCounted = false
    /// A new handshake is under way inside the connection.
    var isNegotiating = false
    /// It did not come to its end: what else the client sends is not read.
    var isAbandoned = false
    /// Plain bytes that came during it.
    var plain = Pending()
    /// A certificate of an unknown authority was let pass (optional_no_ca).
    var isGenerous = false

    /// The loudest level of the log that is on.
    var loudness: Int32 = 0
    /// A request has been told of.
    var hasServed = false
    /// What the client offered, for messages; nil: nobody wants to know.
    var offer: String?

    /// The client named a host of this address.
    var nameMatched = false
    /// The peer has closed its side of the wire.
    var wireEnded = false
    /// The wire has failed: nothing can be sent or read any more.
    var broken = false
    /// The wire took less than it was given: `pending` waits for it.
    var blocked = false
    /// `blocked` happened during the response at hand, so that less is encrypted ahead of a slow reader.
    var slow = false
}

/// Bytes that wait, in memory of their own only as long as there are any.
struct Pending {
    private var start: UnsafeMutableRawPointer?
    private var used = 0
    private(set) var count = 0

    var bytes: UnsafeMutableRawPointer? { start.map { $0 + used } }

    mutating func append(_ source: UnsafeRawPointer, _ length: Int) {
        guard length > 0 else { return }
        let grown = UnsafeMutableRawPointer.allocate(byteCount: count + length, alignment: 16)
        if let bytes { memcpy(grown, bytes, count) }
        memcpy(grown + count, source, length)
        start?.deallocate()
        start = grown
        used = 0
        count += length
    }

    mutating func drop(_ length: Int) {
        used += length
        count -= length
        if count == 0 { clear() }
    }

    mutating func clear() {
        start?.deallocate()
        start = nil
        used = 0
        count = 0
    }
}
