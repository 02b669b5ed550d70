import COpenSSL
import ModuleKit

// What LogLevel asks to be told of a connection: its beginning and end (info), what was agreed (debug), sessions (trace2), the steps
// of handshakes (trace3), bytes of the wire (trace4) and what they are (trace7). How loud the log is, is asked twice: when a connection
// begins, and when its server is known.

extension UnsafeMutablePointer<TLSConnection> {
    /// Learns how loud the log is for this connection.
    func learnLoudness() {
        let log = Log(host: pointee.process.pointee.host)
        var level = LogLevel.notice.rawValue
        while let louder = LogLevel(rawValue: level + 1), log.isEnabled(louder, connection: connection) { level += 1 }
        pointee.loudness = level
    }

    @inline(__always)
    func isLoud(_ level: LogLevel) -> Bool { pointee.loudness >= level.rawValue }

    @inline(__always)
    func log(_ level: LogLevel, code: StaticString = "", _ message: @autoclosure () -> String) {
        guard isLoud(level) else { return }
        Log(host: pointee.process.pointee.host).write(level, code: code, connection: connection, message())
    }

    func logBegin() {
        log(.info, code: "AH01964", "TLS begins with \(peer) at \(connection.server.name.string)")
    }

    private var peer: String { "\(connection.peerAddress.string):\(connection.peerPort)" }

    /// Which server the ClientHello led to.
    func logServer(named name: Bytes?) {
        guard let name else { return log(.debug, code: "AH02044", "the client names no host: the address's first one answers") }
        guard pointee.nameMatched else {
            return log(.debug, code: "AH02044", "the client names \(name.string), which is no host here: the address's first one answers")
        }
        log(.debug, code: "AH02043", "the client names \(name.string), which is a host here")
    }

    /// What the handshake came to.
    func logAgreement() {
        guard isLoud(.debug) else { return }
        let ssl = pointee.ssl
        var most: Int32 = 0
        let used = SSL_get_current_cipher(ssl).map { SSL_CIPHER_get_bits($0, &most) } ?? 0
        let cipher = SSL_get_current_cipher(ssl).flatMap { SSL_CIPHER_get_name($0) }.map { String(cString: $0) } ?? "none"
        log(
            .debug, code: "AH02041",
            "protocol \(String(cString: SSL_get_version(ssl))), cipher \(cipher) (\(used) of \(most) bits), "
                + (cossl_session_reused(ssl) != 0 ? "a session goes on" : "a new session"))
    }

    /// The first request of a connection, and those that follow.
    func logRequest(_ request: Request) {
        guard isLoud(.info) else { return }
        let isFirst = !pointee.hasServed
        pointee.hasServed = true
        Log(host: request.host).write(
            isFirst ? .info : .debug, code: "AH02034", request: request,
            "\(isFirst ? "first" : "another") request over TLS, for \(request.server.name.string)")
    }

    func logEnd() { log(.info, code: "AH01998", "TLS ends with \(peer)") }

    func logSession(_ what: StaticString, _ outcome: StaticString, _ id: Bytes) {
        log(.trace2, "session cache: \(what) \(outcome), id \(id.buffer.hexadecimal)")
    }

    /// Bytes that OpenSSL took from the wire or gave to it.
    @inline(__always)
    func logWire(_ what: StaticString, _ bytes: UnsafeRawPointer, _ count: Int) {
        if isLoud(.trace4) { dumpWire(what, bytes, count) }
    }

    @inline(never)
    private func dumpWire(_ what: StaticString, _ bytes: UnsafeRawPointer, _ count: Int) {
        log(.trace4, "OpenSSL \(what) \(count) bytes")
        guard isLoud(.trace7) else { return }
        let all = UnsafeRawBufferPointer(start: bytes, count: count)
        for start in stride(from: 0, to: count, by: 16) {
            let row = UnsafeRawBufferPointer(rebasing: all[start..<Swift.min(start + 16, count)])
            let text = String(decoding: row.map { 0x20..<0x7f ~= $0 ? $0 : 0x2e }, as: UTF8.self)
            log(.trace7, "\(String(start + 0x10000, radix: 16).dropFirst()): \(row.hexadecimal) \(text)")
        }
    }
}
