import ByteKit
import Glibc

/// The head of the usual answer with a file, as it was composed last: while it would be the same again it is copied, and
/// only the date is written anew.
struct ReadyHead {
    private var text: UnsafeMutablePointer<UInt8>?
    private var length = 0
    private var capacity = 0
    /// What it was composed of besides the file: the configuration, the type, which lies behind the head, and whether the
    /// connection is kept.
    private var conf: UInt64 = 0
    private var type = Bytes.none
    private var keepsAlive = false

    /// Where the date stands: behind the status line and the field's name.
    private static let dateOffset = Bytes("HTTP/1.1 200 OK\r\nDate: ").count

    /// Whether all that the head says follows from the file, the configuration, the type and the connection's fate.
    @inline(__always)
    static func isUsual(_ r: Request.Ref) -> Bool {
        r.pointee.status == 200 && r.pointee.reasonStatus != 200 && r.pointee.headersOut.version == r.pointee.response.plainVersion
            && r.pointee.headersOut.version != 0 && r.pointee.errorHeadersOut.count == 0
            && r.pointee.contentEncoding.isEmpty && r.pointee.contentLanguage.isEmpty
            && !r.pointee.isHead && !r.pointee.framing.wantsKeepAlive
    }

    /// Sends it. False: it is not the one that the request needs, or there is no room for it.
    @inline(__always)
    func send(_ r: Request.Ref) -> Bool {
        guard let text, conf == r.pointee.conf.pointee.identity, keepsAlive == r.pointee.response.keepsAlive,
            type == r.pointee.contentType, let place = ConnectionIO.reserve(r.pointee.conn, length)
        else { return false }
        memcpy(place, text, length)
        memcpy(place + ReadyHead.dateOffset, theWorker.pointee.dateText.ptr.unsafelyUnwrapped, HTTPDate.length)
        ConnectionIO.commit(length)
        r.pointee.response.wireSent &+= Int64(length)
        return true
    }

    /// Keeps a head that was composed for a usual request.
    mutating func note(_ head: Bytes, _ r: Request.Ref) {
        let type = r.pointee.contentType
        if capacity < head.count + type.count {
            clear()
            guard let room = malloc(head.count + type.count) else { return }
            text = room.assumingMemoryBound(to: UInt8.self)
            capacity = head.count + type.count
        }
        guard let text else { return }
        memcpy(text, head.ptr.unsafelyUnwrapped, head.count)
        if let source = type.ptr { memcpy(text + head.count, source, type.count) }
        self.type = Bytes(UnsafeRawPointer(text + head.count), count: type.count)
        length = head.count
        conf = r.pointee.conf.pointee.identity
        keepsAlive = r.pointee.response.keepsAlive
    }

    mutating func clear() {
        free(text)
        self = ReadyHead()
    }
}
