import COpenSSL
import Glibc

/// The answer that is stapled to handshakes with one certificate: in plain memory that handshakes read, filled on the loop.
struct StapleSlot {
    private var answer = StoredBytes()
    /// Seconds since 1970 until which the answer may be sent.
    private var until = 0
    /// What is sent when there is no answer: an error of the responder's, or "try later".
    private var substitute = StoredBytes()

    /// What to send now; nil: nothing.
    func current(_ now: Int) -> UnsafeRawBufferPointer? {
        if answer.count > 0, now < until { return answer.bytes }
        return substitute.count > 0 ? substitute.bytes : nil
    }

    func hasAnswer(_ now: Int) -> Bool { answer.count > 0 && now < until }

    /// Takes over what was found out. A failure does not displace a good answer, which serves until its end.
    mutating func take(_ news: StapleNews) {
        if news.until > 0 {
            answer.replace(news.answer)
            until = news.until
            substitute.replace([])
        } else {
            substitute.replace(news.answer)
        }
    }
}

private struct StoredBytes {
    private var start: UnsafeMutableRawPointer?
    private(set) var count = 0

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }

    mutating func replace(_ new: [UInt8]) {
        start?.deallocate()
        count = new.count
        guard !new.isEmpty else {
            start = nil
            return
        }
        let place = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 8)
        place.copyMemory(from: new, byteCount: count)
        start = place
    }
}

/// What a fetch came to, as processes tell each other.
struct StapleNews {
    static let idLength = 32

    /// The digest of the certificate.
    var id: [UInt8]
    /// When to fetch again, in seconds since 1970.
    var fetchAgain: Int
    /// Until when the answer may be sent; 0: it is a substitute for one.
    var until: Int
    /// In DER; may be empty.
    var answer: [UInt8]

    init(id: [UInt8], fetchAgain: Int, until: Int, answer: [UInt8]) {
        self.id = id
        self.fetchAgain = fetchAgain
        self.until = until
        self.answer = answer
    }

    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= StapleNews.idLength + 16, bytes.count < 256 * 1024 else { return nil }
        id = Array(bytes[..<StapleNews.idLength])
        fetchAgain = Int(truncatingIfNeeded: bytes.loadUnaligned(fromByteOffset: StapleNews.idLength, as: Int64.self))
        until = Int(truncatingIfNeeded: bytes.loadUnaligned(fromByteOffset: StapleNews.idLength + 8, as: Int64.self))
        answer = Array(bytes[(StapleNews.idLength + 16)...])
    }

    var encoded: [UInt8] {
        var bytes = id
        for number in [Int64(fetchAgain), Int64(until)] { withUnsafeBytes(of: number) { bytes += Array($0) } }
        return bytes + answer
    }
}

/// OpenSSL's status callback: the client wants to know the certificate's status (RFC 6066 section 8). Never waits.
func onStatusRequest(_ ssl: OpaquePointer?, _ argument: UnsafeMutableRawPointer?) -> Int32 {
    guard let tls = tlsConnection(of: ssl),
        let slot = tls.pointee.context.pointee.staple(for: SSL_get_certificate(ssl)),
        let answer = slot.pointee.current(time(nil)), let copy = cossl_malloc(answer.count),
        let start = answer.baseAddress
    else { return SSL_TLSEXT_ERR_NOACK }
    memcpy(copy, start, answer.count)
    cossl_set_status_response(tls.pointee.ssl, copy, answer.count)
    return SSL_TLSEXT_ERR_OK
}
