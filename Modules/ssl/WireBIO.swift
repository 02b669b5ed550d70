import COpenSSL
import Glibc
import ModuleKit

// The BIO between OpenSSL and the wire. It never blocks OpenSSL on output: records are gathered in the
// process's buffer, and whoever called OpenSSL sends them with `flush`, many records in one system call.

/// Makes the method that all connections share.
func wireMethod() -> OpaquePointer? {
    guard let method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "apus wire") else {
        return nil
    }
    BIO_meth_set_read_ex(method, readWire)
    BIO_meth_set_write_ex(method, writeWire)
    BIO_meth_set_ctrl(method, controlWire)
    return method
}

private func readWire(
    _ bio: OpaquePointer?, _ buffer: UnsafeMutablePointer<CChar>?, _ capacity: Int,
    _ taken: UnsafeMutablePointer<Int>?
) -> Int32 {
    let tls = BIO_get_data(bio).unsafelyUnwrapped.assumingMemoryBound(to: TLSConnection.self)
    let buffer = UnsafeMutableRawPointer(buffer.unsafelyUnwrapped)
    var n = tls.takeInput(buffer, capacity)
    if n == 0 {
        BIO_clear_flags(bio, cossl_bio_retry_bits)
        if tls.fillInput() == APUS_AGAIN { BIO_set_flags(bio, cossl_bio_retry_read) }
        n = tls.takeInput(buffer, capacity)
    }
    if n > 0 { tls.logWire("reads", buffer, n) }
    taken.unsafelyUnwrapped.pointee = n
    return n > 0 ? 1 : 0
}

private func writeWire(
    _ bio: OpaquePointer?, _ bytes: UnsafePointer<CChar>?, _ count: Int, _ taken: UnsafeMutablePointer<Int>?
) -> Int32 {
    let tls = BIO_get_data(bio).unsafelyUnwrapped.assumingMemoryBound(to: TLSConnection.self)
    tls.gather(UnsafeRawPointer(bytes.unsafelyUnwrapped), count)
    tls.logWire("writes", bytes.unsafelyUnwrapped, count)
    taken.unsafelyUnwrapped.pointee = count
    return 1
}

private func controlWire(
    _ bio: OpaquePointer?, _ command: Int32, _ number: Int, _ argument: UnsafeMutableRawPointer?
) -> Int {
    switch command {
    case cossl_bio_flush: return 1
    case cossl_bio_eof:
        return BIO_get_data(bio).unsafelyUnwrapped.assumingMemoryBound(to: TLSConnection.self).pointee
            .wireEnded ? 1 : 0
    default: return 0
    }
}

extension UnsafeMutablePointer<TLSConnection> {
    /// Whether ciphertext has been read from the wire that OpenSSL has not seen yet.
    var hasInput: Bool {
        let process = pointee.process
        return pointee.stash.count > 0
            || process.pointee.inputOwner == self && process.pointee.inputEnd > process.pointee.inputStart
    }

    /// Moves ciphertext that has been read already.
    fileprivate func takeInput(_ buffer: UnsafeMutableRawPointer, _ capacity: Int) -> Int {
        if let bytes = pointee.stash.bytes {
            let n = Swift.min(capacity, pointee.stash.count)
            memcpy(buffer, bytes, n)
            pointee.stash.drop(n)
            return n
        }
        let process = pointee.process
        guard process.pointee.inputOwner == self else { return 0 }
        let n = Swift.min(capacity, process.pointee.inputEnd - process.pointee.inputStart)
        memcpy(buffer, process.pointee.input + process.pointee.inputStart, n)
        process.pointee.inputStart += n
        return n
    }

    /// Reads from the wire as much as it has, up to the buffer's size.
    func fillInput() -> apus_status {
        let process = pointee.process
        if pointee.wireEnded || pointee.broken { return APUS_E_CLOSED }
        if let owner = process.pointee.inputOwner, owner != self { owner.saveInput() }
        process.pointee.inputOwner = self
        process.pointee.inputStart = 0
        process.pointee.inputEnd = 0
        var n = 0
        let status = process.pointee.wire.pointee.read(
            pointee.conn, process.pointee.input, TLSProcess.inputCapacity, &n)
        switch status {
        case APUS_OK where n > 0: process.pointee.inputEnd = n
        case APUS_OK: pointee.wireEnded = true
        case APUS_AGAIN: break
        default: pointee.broken = true
        }
        return status
    }

    /// Takes this connection's ciphertext out of the shared buffer.
    private func saveInput() {
        let process = pointee.process
        let rest = process.pointee.inputEnd - process.pointee.inputStart
        pointee.stash.append(process.pointee.input + process.pointee.inputStart, rest)
        process.pointee.inputOwner = nil
    }

    fileprivate func gather(_ bytes: UnsafeRawPointer, _ count: Int) {
        let process = pointee.process
        if count > TLSProcess.outputCapacity - process.pointee.outputCount {
            // Only a handshake with huge certificates comes here: `write` leaves room for each record.
            pointee.pending.append(process.pointee.output, process.pointee.outputCount)
            process.pointee.outputCount = 0
            guard count <= TLSProcess.outputCapacity else { return pointee.pending.append(bytes, count) }
        }
        memcpy(process.pointee.output + process.pointee.outputCount, bytes, count)
        process.pointee.outputCount += count
    }

    /// Makes way for a response: what waits goes first, in the same system call when it is little.
    func beginOutput() -> apus_status {
        guard let bytes = pointee.pending.bytes else { return pointee.broken ? APUS_E_CLOSED : APUS_OK }
        if pointee.blocked || pointee.pending.count > TLSProcess.recordSize { return flush() }
        gather(bytes, pointee.pending.count)
        pointee.pending.clear()
        return APUS_OK
    }

    /// Keeps what has been gathered for the next call that sends: the process's buffer is empty between
    /// calls.
    func deferOutput() {
        let process = pointee.process
        guard process.pointee.outputCount > 0 else { return }
        pointee.pending.append(process.pointee.output, process.pointee.outputCount)
        process.pointee.outputCount = 0
        // A client can make OpenSSL answer for ever (key updates, refused renegotiations) and never read.
        if pointee.pending.count > 2 * TLSProcess.outputCapacity { pointee.broken = true }
    }

    func dropOutput() {
        pointee.process.pointee.outputCount = 0
        pointee.pending.clear()
    }

    /// Sends what waits and what has been gathered. What the wire does not take is kept.
    /// - Returns: APUS_OK (all sent), APUS_AGAIN or APUS_E_CLOSED.
    func flush() -> apus_status {
        let process = pointee.process
        if pointee.pending.count > 0 {
            deferOutput()
            return sendPending()
        }
        let count = process.pointee.outputCount
        guard count > 0 else { return pointee.broken ? APUS_E_CLOSED : APUS_OK }
        process.pointee.outputCount = 0
        let (status, n) = send(process.pointee.output, count)
        if status == APUS_AGAIN { pointee.pending.append(process.pointee.output + n, count - n) }
        return status
    }

    private func sendPending() -> apus_status {
        guard let bytes = pointee.pending.bytes else { return APUS_OK }
        let (status, n) = send(bytes, pointee.pending.count)
        if status == APUS_AGAIN { pointee.pending.drop(n) } else { pointee.pending.clear() }
        return status
    }

    private func send(_ bytes: UnsafeRawPointer, _ count: Int) -> (apus_status, Int) {
        guard !pointee.broken else { return (APUS_E_CLOSED, 0) }
        var n = 0
        let status = pointee.process.pointee.wire.pointee.write(pointee.conn, bytes, count, &n)
        switch status {
        case APUS_OK: pointee.blocked = false
        case APUS_AGAIN:
            pointee.blocked = true
            pointee.slow = true
        default:
            pointee.broken = true
            return (APUS_E_CLOSED, 0)
        }
        return (status, n)
    }
}
