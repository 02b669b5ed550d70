import COpenSSL
import ModuleKit

/// What is written about handshakes: nothing, unless LogLevel asks for it.
enum HandshakeLog {
    /// A list of hundreds of ciphers tells no more than its beginning.
    private static let mostCiphers = 24

    /// Notes what a client offers, at the ClientHello: OpenSSL has forgotten it when the handshake fails.
    static func note(_ tls: TLS) {
        guard tls.isLoud(.info) else { return }
        tls.pointee.offer = "offered \(versions(tls)); \(ciphers(tls))"
        follow(tls)
    }

    /// Has the steps told, if that is wanted.
    static func follow(_ tls: TLS) {
        if tls.isLoud(.trace3) { SSL_set_info_callback(tls.pointee.ssl, onState) }
    }

    private static func versions(_ tls: TLS) -> String {
        let ssl = tls.pointee.ssl
        var bytes: UnsafePointer<UInt8>?
        var count = 0
        guard SSL_client_hello_get0_ext(ssl, UInt32(TLSEXT_TYPE_supported_versions), &bytes, &count) == 1, let bytes
        else {
            return "up to \(name(of: Int32(SSL_client_hello_get0_legacy_version(ssl))))"
        }
        let known = stride(from: 1, to: count - 1, by: 2).map { Int32(bytes[$0]) << 8 | Int32(bytes[$0 + 1]) }
            .filter { (SSL3_VERSION...TLS1_3_VERSION).contains($0) }
        return known.map { name(of: $0) }.joined(separator: ", ")
    }

    private static func name(of version: Int32) -> String {
        switch version {
        case SSL3_VERSION: "SSLv3"
        case TLS1_VERSION: "TLSv1"
        case TLS1_1_VERSION: "TLSv1.1"
        case TLS1_2_VERSION: "TLSv1.2"
        case TLS1_3_VERSION: "TLSv1.3"
        default: "an unknown version"
        }
    }

    private static func ciphers(_ tls: TLS) -> String {
        var bytes: UnsafePointer<UInt8>?
        let count = SSL_client_hello_get0_ciphers(tls.pointee.ssl, &bytes)
        guard let bytes, count > 1 else { return "no ciphers" }
        let names = stride(from: 0, to: count - 1, by: 2).compactMap { SSL_CIPHER_find(tls.pointee.ssl, bytes + $0) }
            .compactMap { SSL_CIPHER_get_name($0) }.map { String(cString: $0) }
        let rest = names.count > mostCiphers ? ":… (\(names.count) in all)" : ""
        return "ciphers " + names.prefix(mostCiphers).joined(separator: ":") + rest
    }
}

/// OpenSSL's info callback: the steps of a handshake, for LogLevel ssl:trace3.
private func onState(_ ssl: OpaquePointer?, _ place: Int32, _ value: Int32) {
    guard let tls = tlsConnection(of: ssl) else { return }
    let what: String
    if place & SSL_CB_HANDSHAKE_START != 0 {
        what = "handshake begins"
    } else if place & SSL_CB_HANDSHAKE_DONE != 0 {
        what = "handshake is done"
    } else if place & SSL_CB_ALERT != 0 {
        let direction = place & SSL_CB_READ != 0 ? "received" : "sent"
        what = "alert \(direction): \(String(cString: SSL_alert_desc_string_long(value)))"
    } else if place & SSL_CB_LOOP != 0 {
        what = String(cString: SSL_state_string_long(ssl))
    } else {
        return
    }
    tls.log(.trace3, "OpenSSL: \(what)")
}
