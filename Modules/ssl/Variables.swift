import COpenSSL
import Glibc
import ModuleKit

/// The variables SSL_… and HTTPS of a request.
enum Variables {
    /// A variable by its name; none: it has no value here.
    static func value(_ name: Bytes, _ request: Request) -> Bytes {
        if name == "HTTPS" { return request.isEncrypted ? Bytes("on") : Bytes("off") }
        guard name.hasPrefix("SSL_") else { return .none }
        let rest = name.from(4)
        if rest.hasPrefix("VERSION_") { return version(rest.from(8), request) }
        guard let tls = request.tls else { return .none }
        if rest.hasPrefix("CLIENT_") { return client(rest.from(7), tls, request) }
        if rest.hasPrefix("SERVER_") {
            return CertificateVariables.value(rest.from(7), SSL_get_certificate(tls.pointee.ssl), request)
        }
        return connection(rest, tls, request)
    }

    private static func version(_ name: Bytes, _ request: Request) -> Bytes {
        if name == "INTERFACE" { return Bytes("mod_ssl/1.0") }
        if name == "LIBRARY" { return library(String(cString: OpenSSL_version(OPENSSL_VERSION)), request) }
        if name == "LIBRARY_INTERFACE" { return library(OPENSSL_VERSION_TEXT, request) }
        return .none
    }

    /// "OpenSSL/3.0.11" of "OpenSSL 3.0.11 19 Sep 2023".
    private static func library(_ text: String, _ request: Request) -> Bytes {
        request.pool.copy(text.split(separator: " ").prefix(2).joined(separator: "/"))
    }

    private static func connection(_ name: Bytes, _ tls: TLS, _ request: Request) -> Bytes {
        let ssl = tls.pointee.ssl
        if name.hasPrefix("CIPHER") { return cipher(name.from(6), ssl, request) }
        if name == "PROTOCOL" { return text(SSL_get_version(ssl)) }
        if name == "TLS_SNI" { return text(tls.serverName) }
        if name == "SESSION_RESUMED" {
            return cossl_session_reused(ssl) != 0 ? Bytes("Resumed") : Bytes("Initial")
        }
        if name == "SESSION_ID" { return sessionID(ssl, request) }
        if name == "SECURE_RENEG" {
            return cossl_secure_renegotiation(ssl) != 0 ? Bytes("true") : Bytes("false")
        }
        if name == "SRP_USER" { return text(cossl_srp_user(ssl)) }
        if name == "SRP_USERINFO" { return text(cossl_srp_user_info(ssl)) }
        if name == "COMPRESS_METHOD" { return Bytes("NULL") }
        return .none
    }

    private static func cipher(_ name: Bytes, _ ssl: OpaquePointer, _ request: Request) -> Bytes {
        guard let cipher = SSL_get_current_cipher(ssl) else { return .none }
        var most: Int32 = 0
        let used = SSL_CIPHER_get_bits(cipher, &most)
        if name.isEmpty { return text(SSL_CIPHER_get_name(cipher)) }
        if name == "_USEKEYSIZE" { return number(Int(used), request) }
        if name == "_ALGKEYSIZE" { return number(Int(most), request) }
        if name == "_EXPORT" { return used < 56 ? Bytes("true") : Bytes("false") }
        return .none
    }

    private static func sessionID(_ ssl: OpaquePointer, _ request: Request) -> Bytes {
        var length: UInt32 = 0
        guard let session = SSL_get_session(ssl), let id = SSL_SESSION_get_id(session, &length), length > 0
        else { return .none }
        return request.pool.copy(UnsafeBufferPointer(start: id, count: Int(length)).hexadecimal)
    }

    // MARK: The client

    private static func client(_ name: Bytes, _ tls: TLS, _ request: Request) -> Bytes {
        if name == "VERIFY" { return verification(tls, request) }
        if name.hasPrefix("CERT_CHAIN_") { return chain(name.from(11), tls, request) }
        return CertificateVariables.value(name, SSL_get0_peer_certificate(tls.pointee.ssl), request)
    }

    private static func verification(_ tls: TLS, _ request: Request) -> Bytes {
        guard tls.hasCertificate else { return Bytes("NONE") }
        let result = SSL_get_verify_result(tls.pointee.ssl)
        guard result != Int(X509_V_OK) else {
            return tls.pointee.isGenerous ? Bytes("GENEROUS") : Bytes("SUCCESS")
        }
        let reason = X509_verify_cert_error_string(result).map { String(cString: $0) } ?? "unknown"
        return request.pool.copy("FAILED:\(reason)")
    }

    private static func chain(_ number: Bytes, _ tls: TLS, _ request: Request) -> Bytes {
        guard let index = number.decimal, index < 100, let chain = SSL_get_peer_cert_chain(tls.pointee.ssl),
            index < cossl_n_certificates(chain), let certificate = cossl_certificate(chain, Int32(index))
        else { return .none }
        return CertificateVariables.pem(certificate, request)
    }

    // MARK: Helpers

    static func number(_ value: Int, _ request: Request) -> Bytes {
        var writer = ByteWriter(request.pool.allocate(UInt8.self, count: 20), capacity: 20)
        writer.append(decimal: Int64(value))
        return writer.written
    }

    /// A string of OpenSSL's: it lives as long as the connection.
    static func text(_ string: UnsafePointer<CChar>?) -> Bytes {
        string.map { Bytes(cString: $0) } ?? .none
    }
}
