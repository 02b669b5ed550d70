import COpenSSL
import Glibc
import ModuleKit

/// The sessions that this process has decoded last, each with the bytes that it was decoded from. Clients open several connections
/// with one session, and decoding it costs more than finding it. The cache is asked all the same: what it has not got any more, or
/// otherwise, is not found here.
enum DecodedSessions {
    private struct Entry {
        var bytes: UnsafeMutableRawPointer?
        var count = 0
        var session: OpaquePointer?
    }

    private static let size = 64
    nonisolated(unsafe) private static let entries: UnsafeMutablePointer<Entry> = {
        let entries = UnsafeMutablePointer<Entry>.allocate(capacity: size)
        entries.initialize(repeating: Entry(), count: size)
        return entries
    }()

    /// The session that the cache holds under an id as these bytes, with a reference for the caller.
    static func session(_ id: Bytes, _ data: Bytes) -> OpaquePointer? {
        let entry = entries + Int(id[0]) % size
        if let known = entry.pointee.session, let bytes = entry.pointee.bytes, entry.pointee.count == data.count,
            memcmp(bytes, data.ptr, data.count) == 0, SSL_SESSION_is_resumable(known) == 1
        {
            SSL_SESSION_up_ref(known)
            return known
        }
        guard let session = decodeSession(data) else { return nil }
        keep(session, data, entry)
        return session
    }

    private static func keep(_ session: OpaquePointer, _ data: Bytes, _ entry: UnsafeMutablePointer<Entry>) {
        SSL_SESSION_free(entry.pointee.session)
        if let bytes = entry.pointee.bytes {
            OPENSSL_cleanse(bytes, entry.pointee.count)
            bytes.deallocate()
        }
        let bytes = UnsafeMutableRawPointer.allocate(byteCount: data.count, alignment: 1)
        memcpy(bytes, data.ptr, data.count)
        SSL_SESSION_up_ref(session)
        entry.pointee = Entry(bytes: bytes, count: data.count, session: session)
    }
}
