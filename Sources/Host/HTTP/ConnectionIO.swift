import ByteKit
import CSystem
import Glibc
import ModuleABI
import ModuleABI.Draft

/// Moves bytes between connections and the kernel, through their transport if they have one.
enum ConnectionIO {
    enum Fill {
        case data, again, end, failed
    }

    /// Reads what there is into the connection's input.
    static func fill(_ conn: Connection.Ref) -> Fill {
        guard conn.pointee.mayRead || conn.pointee.transport != nil else { return conn.pointee.hasEnded ? .end : .again }
        if conn.pointee.input.base == nil || conn.pointee.input.isEmpty && !conn.pointee.input.isOwned {
            conn.pointee.input.borrow(theWorker.pointee.readBuffer, Worker.readBufferSize)
        }
        guard let (place, room) = conn.pointee.input.room(atLeast: 2048) else { return .failed }
        var got = 0
        let status = conn.pointee.transport == nil
            ? receive(conn, place, room, &got)
            : Activity.during(conn.pointee.transportCallback) {
                conn.pointee.transport.unsafelyUnwrapped.pointee.read(conn.pointee.transportState, place, room, &got)
            }
        guard status == APUS_OK else {
            if status == APUS_AGAIN { return .again }
            conn.pointee.wasAborted = true
            return .failed
        }
        if let tap = conn.pointee.tap { tap.pointee.received(conn, place, got) }
        guard got > 0 else {
            conn.pointee.hasEnded = true
            return .end
        }
        conn.pointee.input.added(got)
        return .data
    }

    /// One recv. Fewer bytes than there was room for mean that no more are there: the next edge will tell.
    static func receive(_ conn: Connection.Ref, _ place: UnsafeMutableRawPointer, _ room: Int, _ got: inout Int) -> apus_status {
        guard conn.pointee.mayRead else { return APUS_AGAIN }
        while true {
            let count = recv(conn.pointee.fd, place, room, 0)
            if count >= 0 {
                got = count
                // After a hang-up no further edge will come: the end must be read in any case.
                if count < room, count > 0, !conn.pointee.hasHungUp { conn.pointee.mayRead = false }
                return APUS_OK
            }
            switch errno {
            case EINTR: continue
            case EAGAIN:
                conn.pointee.mayRead = false
                return APUS_AGAIN
            default: return APUS_E_CLOSED
            }
        }
    }

    // MARK: Output

    /// Takes bytes to be sent: into the worker's buffer of this turn, which leaves in one piece, when nothing is queued
    /// before them; else into a copy of their own.
    @inline(__always)
    static func emit(_ conn: Connection.Ref, _ bytes: Bytes) {
        if let place = reserve(conn, bytes.count) {
            memcpy(place, bytes.ptr.unsafelyUnwrapped, bytes.count)
            commit(bytes.count)
        } else {
            queue(conn, copyOf: bytes)
        }
    }

    /// Room in this turn's buffer, when the connection may use it.
    @inline(__always)
    static func reserve(_ conn: Connection.Ref, _ count: Int) -> UnsafeMutablePointer<UInt8>? {
        guard theWorker.pointee.turn == conn, conn.pointee.output.isEmpty,
            theWorker.pointee.turnLength &+ count <= Worker.turnBufferSize
        else { return nil }
        return theWorker.pointee.turnBuffer + theWorker.pointee.turnLength
    }

    @inline(__always)
    static func commit(_ count: Int) { theWorker.pointee.turnLength &+= count }

    static func queue(_ conn: Connection.Ref, copyOf bytes: Bytes) {
        guard !bytes.isEmpty, let copy = malloc(bytes.count) else { return }
        memcpy(copy, bytes.ptr, bytes.count)
        conn.pointee.output.append(
            OutputSegment(
                kind: .memory, bytes: Bytes(copy, count: bytes.count), length: Int64(bytes.count),
                release: { free($0) }, releaseContext: copy))
    }

    /// Bytes that wait to be sent; at least one while the transport has some left, whose number only it knows.
    static func pending(_ conn: Connection.Ref) -> Int64 { unsent(conn) + (conn.pointee.transportHolds ? 1 : 0) }

    /// Bytes that no socket or transport has taken.
    static func unsent(_ conn: Connection.Ref) -> Int64 {
        conn.pointee.output.length + (theWorker.pointee.turn == conn ? Int64(theWorker.pointee.turnLength) : 0)
    }

    /// Sends as much as the socket takes. What does not fit is kept by the connection.
    @inline(__always)
    static func flush(_ conn: Connection.Ref) {
        let hasBytes = theWorker.pointee.turn == conn && theWorker.pointee.turnLength > 0 || !conn.pointee.output.isEmpty
        if hasBytes || conn.pointee.transportHolds || conn.pointee.wasAborted { flushAll(conn) }
    }

    @inline(never)
    private static func flushAll(_ conn: Connection.Ref) {
        guard !conn.pointee.wasAborted else { return dropAll(conn) }
        if conn.pointee.transport == nil, conn.pointee.tap == nil { PlainOutput.flush(conn) } else { TransportOutput.flush(conn) }
        keepTurn(conn)
        if conn.pointee.wasAborted { dropAll(conn) }
    }

    /// What the socket did not take of this turn's bytes is the connection's own from now on.
    private static func keepTurn(_ conn: Connection.Ref) {
        guard theWorker.pointee.turn == conn, theWorker.pointee.turnLength > 0 else { return }
        let left = Bytes(UnsafeRawPointer(theWorker.pointee.turnBuffer), count: theWorker.pointee.turnLength)
        theWorker.pointee.turnLength = 0
        guard let copy = malloc(left.count) else { return conn.pointee.wasAborted = true }
        memcpy(copy, left.ptr, left.count)
        conn.pointee.output.prepend(
            OutputSegment(
                kind: .memory, bytes: Bytes(copy, count: left.count), length: Int64(left.count), release: { free($0) },
                releaseContext: copy))
    }

    /// Takes `count` sent bytes off the turn's buffer and then off the queue.
    static func sent(_ conn: Connection.Ref, _ count: Int) {
        var left = count
        if theWorker.pointee.turn == conn, theWorker.pointee.turnLength > 0 {
            let used = min(left, theWorker.pointee.turnLength)
            let rest = theWorker.pointee.turnLength - used
            if rest > 0 { memmove(theWorker.pointee.turnBuffer, theWorker.pointee.turnBuffer + used, rest) }
            theWorker.pointee.turnLength = rest
            left -= used
        }
        if left > 0 { conn.pointee.output.drop(Int64(left)) }
    }

    private static func dropAll(_ conn: Connection.Ref) {
        if theWorker.pointee.turn == conn { theWorker.pointee.turnLength = 0 }
        conn.pointee.output.removeAll()
        conn.pointee.transportHolds = false
    }
}

/// Output straight to a socket: gathered writes for memory, sendfile for files.
enum PlainOutput {
    private static let maxParts = 16
    /// A connection gives way to others after so much of a file in one go.
    private static let fileShare = 1 << 20

    static func flush(_ conn: Connection.Ref) {
        if conn.pointee.output.isEmpty, sendsTurn(conn) { return }
        var budget = fileShare * 2
        while true {
            let outcome = sendMemory(conn)
            if outcome == .blocked { return }
            guard let segment = conn.pointee.output.first else { return }
            guard segment.pointee.kind == .file else {
                if segment.pointee.length == 0 { conn.pointee.output.removeFirst() }
                continue
            }
            guard budget > 0 else { return theWorker.pointee.loop.revisit(conn) }
            guard let count = sendFile(conn, segment) else { return }
            budget -= count
        }
    }

    /// Sends what the turn has gathered when nothing else waits. True: it has all left.
    @inline(__always)
    private static func sendsTurn(_ conn: Connection.Ref) -> Bool {
        let length = theWorker.pointee.turnLength
        // The kernel keeps the last bytes until the close that follows, and both leave in one packet.
        let more = conn.pointee.endsWithOutput ? Int32(MSG_MORE) : 0
        let count = send(conn.pointee.fd, theWorker.pointee.turnBuffer, length, Int32(MSG_NOSIGNAL) | more)
        if count > 0 { ConnectionIO.sent(conn, count) }
        return count == length
    }

    private enum Outcome {
        case sent, blocked
    }

    /// Sends the memory at the front. `.sent`: none is left there.
    private static func sendMemory(_ conn: Connection.Ref) -> Outcome {
        while true {
            let (count, total) = withUnsafeTemporaryAllocation(of: iovec.self, capacity: maxParts) { parts in
                let count = gather(conn, parts)
                guard count > 0 else { return (0, 0) }
                let total = parts[..<count].reduce(0) { $0 + $1.iov_len }
                return (write(conn, parts, count), total)
            }
            if total == 0 { return .sent }
            if count < 0 { return .blocked }
            ConnectionIO.sent(conn, count)
            if count < total {
                conn.awaitRoom()
                return .blocked
            }
        }
    }

    private static func gather(_ conn: Connection.Ref, _ parts: UnsafeMutableBufferPointer<iovec>) -> Int {
        var count = 0
        if theWorker.pointee.turn == conn, theWorker.pointee.turnLength > 0 {
            parts[0] = iovec(iov_base: theWorker.pointee.turnBuffer, iov_len: theWorker.pointee.turnLength)
            count = 1
        }
        var next = conn.pointee.output.first
        while let segment = next, segment.pointee.kind == .memory, count < maxParts {
            parts[count] = iovec(
                iov_base: UnsafeMutableRawPointer(mutating: segment.pointee.bytes.ptr), iov_len: segment.pointee.bytes.count)
            count += 1
            next = segment.pointee.next
        }
        return count
    }

    /// -1: the socket takes no more for now, or the connection is broken.
    private static func write(_ conn: Connection.Ref, _ parts: UnsafeMutableBufferPointer<iovec>, _ count: Int) -> Int {
        while true {
            let sent = count == 1
                ? send(conn.pointee.fd, parts[0].iov_base, parts[0].iov_len, Int32(MSG_NOSIGNAL))
                : writev(conn.pointee.fd, parts.baseAddress, Int32(count))
            if sent >= 0 { return sent }
            if errno == EINTR { continue }
            if errno == EAGAIN { conn.awaitRoom() } else { conn.pointee.wasAborted = true }
            return -1
        }
    }

    /// Nil: the socket takes no more, or the connection is broken.
    private static func sendFile(_ conn: Connection.Ref, _ segment: UnsafeMutablePointer<OutputSegment>) -> Int? {
        var offset = off_t(segment.pointee.offset)
        let wanted = Int(min(segment.pointee.length, Int64(fileShare)))
        let sent = sendfile(conn.pointee.fd, segment.pointee.fd, &offset, wanted)
        if sent > 0 {
            conn.pointee.output.drop(Int64(sent))
            return sent
        }
        if sent < 0, errno == EINTR { return 0 }
        if sent < 0, errno == EAGAIN {
            conn.awaitRoom()
            return nil
        }
        // The file has become shorter than the head promised, or cannot be read: the answer cannot be completed.
        conn.pointee.wasAborted = true
        return nil
    }
}

/// Output through a transport, or past a tap, which want plain bytes: files are read into the worker's buffer.
enum TransportOutput {
    private static let maxParts = 16

    static func flush(_ conn: Connection.Ref) {
        var turns = 32
        while true {
            guard turns > 0 else { return theWorker.pointee.loop.revisit(conn) }
            turns -= 1
            var taken = 0
            let (status, total) = withUnsafeTemporaryAllocation(of: apus_str.self, capacity: maxParts) { parts in
                guard let count = gather(conn, parts) else { return (APUS_E_IO, 0) }
                let total = parts[..<count].reduce(0) { $0 + $1.count }
                let status = write(conn, parts, count, total, &taken)
                if let tap = conn.pointee.tap { tap.pointee.sent(conn, parts, taken) }
                return (status, total)
            }
            if taken > 0 { ConnectionIO.sent(conn, taken) }
            conn.pointee.transportHolds = status == APUS_AGAIN
            if status == APUS_AGAIN { return conn.awaitRoom() }
            guard status == APUS_OK else { return conn.pointee.wasAborted = true }
            if taken == total, ConnectionIO.pending(conn) == 0 { return }
        }
    }

    private static func write(
        _ conn: Connection.Ref, _ parts: UnsafeMutableBufferPointer<apus_str>, _ count: Int, _ total: Int, _ taken: inout Int
    ) -> apus_status {
        if let transport = conn.pointee.transport {
            let write = writer(conn, transport, total)
            return Activity.during(conn.pointee.transportCallback) {
                write(conn.pointee.transportState, parts.baseAddress, UInt32(count), &taken)
            }
        }
        for part in parts[..<count] where !part.isEmpty {
            var sent = 0
            let status = WireOutput.write(conn, part, &sent)
            taken += sent
            guard status == APUS_OK else { return status }
        }
        return APUS_OK
    }

    /// How so many bytes are written: with a goodbye when they are the last.
    private static func writer(
        _ conn: Connection.Ref, _ transport: UnsafePointer<apus_transport_v0>, _ count: Int
    ) -> @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<apus_str>?, UInt32, UnsafeMutablePointer<Int>?) -> apus_status {
        let isLast = conn.pointee.isLastOutput && ConnectionIO.unsent(conn) == Int64(count)
        // It is a later member of the table.
        if isLast, transport.pointee.size >= UInt32(MemoryLayout<apus_transport_v0>.size), let last = transport.pointee.write_last {
            return last
        }
        return transport.pointee.write.unsafelyUnwrapped
    }

    /// The bytes at the front, at most one buffer of a file among them as the last. Nil: the file cannot be read.
    private static func gather(_ conn: Connection.Ref, _ parts: UnsafeMutableBufferPointer<apus_str>) -> Int? {
        var count = 0
        if theWorker.pointee.turn == conn, theWorker.pointee.turnLength > 0 {
            parts[0] = Bytes(UnsafeRawPointer(theWorker.pointee.turnBuffer), count: theWorker.pointee.turnLength)
            count = 1
        }
        var next = conn.pointee.output.first
        while let segment = next, count < maxParts {
            next = segment.pointee.next
            if segment.pointee.kind == .memory {
                parts[count] = segment.pointee.bytes
                count += 1
            } else if segment.pointee.kind == .file {
                let wanted = Int(min(segment.pointee.length, Int64(Worker.fileBufferSize)))
                let got = pread(segment.pointee.fd, theWorker.pointee.fileBuffer, wanted, off_t(segment.pointee.offset))
                guard got > 0 else { return nil }
                parts[count] = Bytes(UnsafeRawPointer(theWorker.pointee.fileBuffer), count: got)
                return count + 1
            }
        }
        return count
    }
}

/// Bytes as they are, straight to the socket.
enum WireOutput {
    /// APUS_OK: all of them; APUS_AGAIN: `done` of them.
    static func write(_ conn: Connection.Ref, _ bytes: Bytes, _ done: inout Int) -> apus_status {
        while done < bytes.count {
            let sent = send(conn.pointee.fd, bytes.ptr.unsafelyUnwrapped + done, bytes.count - done, Int32(MSG_NOSIGNAL))
            if sent >= 0 {
                done += sent
            } else if errno == EAGAIN {
                conn.awaitRoom()
                return APUS_AGAIN
            } else if errno != EINTR {
                return APUS_E_CLOSED
            }
        }
        return APUS_OK
    }
}
