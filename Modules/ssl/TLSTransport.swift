import COpenSSL
import Glibc
import ModuleABI.Draft
@_spi(Draft) import ModuleKit

/// The provider "tls" of group "transport/0.1".
enum TLSTransport {
    static var table: apus_transport_v0 {
        apus_transport_v0(
            size: UInt32(MemoryLayout<apus_transport_v0>.size), flags: APUS_TRANSPORT_SECURE, open: open,
            handshake: shakeHands, read: read, write: write, shutdown: shutdown, close: close,
            protocol: agreedProtocol, write_last: writeLast)
    }

    /// Most that is encrypted ahead of a reader known to be slow: it is kept in memory until taken.
    static let slowAhead = 64 * 1024
    /// What a record needs around its 16 KiB, and an alert beside it.
    static let recordMargin = 1024
}

private func connection(_ state: UnsafeMutableRawPointer?) -> TLS {
    state.unsafelyUnwrapped.assumingMemoryBound(to: TLSConnection.self)
}

private func open(
    _ ctx: UnsafeMutableRawPointer?, _ conn: OpaquePointer?,
    _ state: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> apus_status {
    let process = TLSProcess.from(ctx)
    let conn = conn.unsafelyUnwrapped
    let index = process.pointee.index(of: Connection(conn, host: process.pointee.host).server.raw)
    guard let context = process.pointee.context(index) else { return APUS_DECLINED }
    guard let ssl = SSL_new(context.pointee.ctx) else { return APUS_E_NOMEM }
    guard let bio = BIO_new(process.pointee.method) else {
        SSL_free(ssl)
        return APUS_E_NOMEM
    }
    let tls = TLS.allocate(capacity: 1)
    tls.initialize(
        to: TLSConnection(
            ssl: ssl, conn: conn, process: process, context: context, serverIndex: index,
            asked: context.pointee.asks))
    BIO_set_data(bio, tls)
    BIO_set_init(bio, 1)
    SSL_set_bio(ssl, bio, bio)
    SSL_set_ex_data(ssl, 0, tls)
    SSL_set_accept_state(ssl)
    tls.learnLoudness()
    tls.logBegin()
    HandshakeLog.follow(tls)
    state.unsafelyUnwrapped.pointee = UnsafeMutableRawPointer(tls)
    return APUS_OK
}

private func read(
    _ state: UnsafeMutableRawPointer?, _ buffer: UnsafeMutableRawPointer?, _ capacity: Int,
    _ taken: UnsafeMutablePointer<Int>?
) -> apus_status {
    let tls = connection(state)
    let n = taken.unsafelyUnwrapped
    n.pointee = 0
    if let kept = tls.pointee.plain.bytes {
        n.pointee = min(capacity, tls.pointee.plain.count)
        memcpy(buffer.unsafelyUnwrapped, kept, n.pointee)
        tls.pointee.plain.drop(n.pointee)
        return APUS_OK
    }
    if tls.pointee.isAbandoned { return APUS_E_CLOSED }
    // Without new bytes OpenSSL could only take a buffer and give it back.
    if !tls.hasInput, SSL_has_pending(tls.pointee.ssl) == 0, tls.fillInput() == APUS_AGAIN { return awaitInput(tls) }
    ErrorQueue.clear()
    let outcome = SSL_read_ex(tls.pointee.ssl, buffer, capacity, n)
    if outcome == 1 {
        // OpenSSL may have answered a key update.
        tls.deferOutput()
        return APUS_OK
    }
    n.pointee = 0
    return endRead(tls, SSL_get_error(tls.pointee.ssl, outcome))
}

/// Nothing could be read: for now, or for good.
private func endRead(_ tls: TLS, _ error: Int32) -> apus_status {
    tls.deferOutput()
    switch error {
    case SSL_ERROR_WANT_READ: return awaitInput(tls)
    case SSL_ERROR_ZERO_RETURN: return APUS_OK
    case SSL_ERROR_SSL:
        logFailure(tls, "AH01991", "reading failed")
        _ = tls.flush()
        return APUS_E_FAIL
    default:
        ERR_clear_error()
        return APUS_E_CLOSED
    }
}

/// The host goes to wait: what was kept for company must not wait with it.
private func awaitInput(_ tls: TLS) -> apus_status {
    !tls.pointee.blocked && tls.flush() == APUS_E_CLOSED ? APUS_E_CLOSED : APUS_AGAIN
}

private func write(
    _ state: UnsafeMutableRawPointer?, _ parts: UnsafePointer<apus_str>?, _ count: UInt32,
    _ taken: UnsafeMutablePointer<Int>?
) -> apus_status {
    encryptAndSend(connection(state), parts, count, taken.unsafelyUnwrapped, isLast: false)
}

private func writeLast(
    _ state: UnsafeMutableRawPointer?, _ parts: UnsafePointer<apus_str>?, _ count: UInt32,
    _ taken: UnsafeMutablePointer<Int>?
) -> apus_status {
    encryptAndSend(connection(state), parts, count, taken.unsafelyUnwrapped, isLast: true)
}

private func encryptAndSend(
    _ tls: TLS, _ parts: UnsafePointer<apus_str>?, _ count: UInt32, _ taken: UnsafeMutablePointer<Int>, isLast: Bool
) -> apus_status {
    taken.pointee = 0
    // An answer to an earlier request waits until the new handshake is over.
    if tls.pointee.isNegotiating, SSL_in_init(tls.pointee.ssl) != 0 { return APUS_AGAIN }
    var status = tls.beginOutput()
    guard status == APUS_OK else { return status }
    ErrorQueue.clear()
    var cursor = PartCursor(parts: parts, count: Int(count))
    while status == APUS_OK, !cursor.isAtEnd {
        if !tls.hasRoom { status = tls.flush() }
        guard status == APUS_OK else { break }
        guard tls.encrypt(&cursor, &taken.pointee) else { return endWrite(tls) }
    }
    if status == APUS_OK {
        if isLast { sayGoodbye(tls) }
        status = tls.flush()
    }
    if status == APUS_OK { tls.pointee.slow = false }
    return status
}

private func endWrite(_ tls: TLS) -> apus_status {
    logFailure(tls, "AH01993", "writing failed")
    tls.dropOutput()
    tls.pointee.broken = true
    return APUS_E_FAIL
}

private func shutdown(_ state: UnsafeMutableRawPointer?) -> apus_status {
    let tls = connection(state)
    ErrorQueue.clear()
    sayGoodbye(tls)
    return tls.flush()
}

/// Gathers a close_notify, once.
private func sayGoodbye(_ tls: TLS) {
    guard SSL_is_init_finished(tls.pointee.ssl) == 1, SSL_get_shutdown(tls.pointee.ssl) & SSL_SENT_SHUTDOWN == 0 else { return }
    if SSL_shutdown(tls.pointee.ssl) < 0 { ERR_clear_error() }
}

private func close(_ state: UnsafeMutableRawPointer?) {
    let tls = connection(state)
    let process = tls.pointee.process
    if process.pointee.inputOwner == tls { process.pointee.inputOwner = nil }
    tls.logEnd()
    tls.pointee.lookup?.end()
    tls.endClientStatus()
    // A client that leaves without a close_notify comes back nevertheless: OpenSSL would have its session forgotten. What a fatal
    // alert ended has been forgotten before.
    SSL_set_shutdown(tls.pointee.ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN)
    SSL_free(tls.pointee.ssl)
    tls.pointee.stash.clear()
    tls.pointee.pending.clear()
    tls.pointee.plain.clear()
    tls.deinitialize(count: 1)
    tls.deallocate()
}

private func agreedProtocol(_ state: UnsafeMutableRawPointer?) -> apus_str {
    var name: UnsafePointer<UInt8>?
    var length: UInt32 = 0
    SSL_get0_alpn_selected(connection(state).pointee.ssl, &name, &length)
    return name.map { Bytes(UnsafeRawPointer($0), count: Int(length)) } ?? .none
}

extension UnsafeMutablePointer<TLSConnection> {
    /// Room in the output buffer for another record; a slow reader gets less.
    fileprivate var room: Int {
        (pointee.slow ? TLSTransport.slowAhead : TLSProcess.outputCapacity)
            - pointee.process.pointee.outputCount
    }

    fileprivate var hasRoom: Bool { room >= TLSProcess.recordSize + TLSTransport.recordMargin }

    /// Encrypts what comes next: whole records straight from a large part, else one record put together of
    /// small ones.
    fileprivate func encrypt(_ cursor: inout PartCursor, _ taken: inout Int) -> Bool {
        let size = TLSProcess.recordSize
        let straight = cursor.straightLength(size)
        var n = 0
        guard straight > 0 else {
            let record = pointee.process.pointee.record
            let count = cursor.gather(record, size)
            guard SSL_write_ex(pointee.ssl, record, count, &n) == 1, n == count else { return false }
            taken += count
            return true
        }
        let records = room / (size + TLSTransport.recordMargin)
        let count = Swift.min(straight, records * size)
        guard SSL_write_ex(pointee.ssl, cursor.place, count, &n) == 1, n == count else { return false }
        cursor.advance(count)
        taken += count
        return true
    }
}

/// A place in the parts of a write.
private struct PartCursor {
    private let parts: UnsafePointer<apus_str>?
    private let count: Int
    private var index = 0
    private var offset = 0

    init(parts: UnsafePointer<apus_str>?, count: Int) {
        self.parts = parts
        self.count = count
        skipEmpty()
    }

    var isAtEnd: Bool { index == count }
    var place: UnsafePointer<CChar> { part.ptr.unsafelyUnwrapped + offset }

    private var part: apus_str { parts.unsafelyUnwrapped[index] }
    private var left: Int { part.count - offset }

    /// How many bytes of the part at hand can be encrypted where they lie: its full records, and the last of
    /// all parts to its end.
    func straightLength(_ size: Int) -> Int {
        index == count - 1 ? left : left / size * size
    }

    /// Copies up to `capacity` bytes, of as many parts as it takes.
    mutating func gather(_ target: UnsafeMutableRawPointer, _ capacity: Int) -> Int {
        var filled = 0
        while filled < capacity, !isAtEnd {
            let n = min(left, capacity - filled)
            memcpy(target + filled, place, n)
            filled += n
            advance(n)
        }
        return filled
    }

    mutating func advance(_ n: Int) {
        offset += n
        skipEmpty()
    }

    private mutating func skipEmpty() {
        while index < count, left == 0 {
            index += 1
            offset = 0
        }
    }
}
