import COpenSSL
import ModuleKit

/// The providers "x" and "c" of group "log_item/1": facts about a request's TLS.
enum Variables {
    typealias Lookup = @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?, apus_str) -> apus_str

    static func table(_ lookup: @escaping Lookup) -> apus_log_item_v1 {
        apus_log_item_v1(size: UInt32(MemoryLayout<apus_log_item_v1>.size), flags: 0, value: lookup)
    }

    /// `%{NAME}x`.
    static let extended: Lookup = { ctx, r, name in
        Variables.value(name, Request(r.unsafelyUnwrapped, host: TLSProcess.from(ctx).pointee.host))
    }

    /// `%{name}c`, httpd's older spelling of a few of them.
    static let classic: Lookup = { ctx, r, name in
        let request = Request(r.unsafelyUnwrapped, host: TLSProcess.from(ctx).pointee.host)
        if name == "version" { return Variables.value(Bytes("SSL_PROTOCOL"), request) }
        if name == "cipher" { return Variables.value(Bytes("SSL_CIPHER"), request) }
        return .none
    }

    /// A variable by its name; none: it has no value here.
    static func value(_ name: Bytes, _ request: Request) -> Bytes {
        let state = request.connection.transport("tls")
        if name == "HTTPS" { return state == nil ? Bytes("off") : Bytes("on") }
        if name == "SSL_VERSION_LIBRARY" { return library(request) }
        if name == "SSL_VERSION_INTERFACE" { return request.pool.copy("mod_ssl/1.0") }
        guard let state, name.hasPrefix("SSL_") else { return .none }
        return fact(name.from(4), state.assumingMemoryBound(to: TLSConnection.self), request)
    }

    private static func fact(_ name: Bytes, _ tls: TLS, _ request: Request) -> Bytes {
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
        if name == "COMPRESS_METHOD" { return Bytes("NULL") }
        return .none
    }

    private static func cipher(_ name: Bytes, _ ssl: OpaquePointer, _ request: Request) -> Bytes {
        guard let cipher = SSL_get_current_cipher(ssl) else { return .none }
        var most: Int32 = 0
        let used = SSL_CIPHER_get_bits(cipher, &most)
        if name.isEmpty { return text(SSL_CIPHER_get_name(cipher)) }
        if name == "_USEKEYSIZE" { return number(used, request) }
        if name == "_ALGKEYSIZE" { return number(most, request) }
        if name == "_EXPORT" { return used < 56 ? Bytes("true") : Bytes("false") }
        return .none
    }

    private static func sessionID(_ ssl: OpaquePointer, _ request: Request) -> Bytes {
        var length: UInt32 = 0
        guard let session = SSL_get_session(ssl), let id = SSL_SESSION_get_id(session, &length), length > 0
        else { return .none }
        let capacity = Int(length) * 2
        let digits = request.pool.allocate(UInt8.self, count: capacity)
        for index in 0..<Int(length) {
            digits[index * 2] = digit(id[index] >> 4)
            digits[index * 2 + 1] = digit(id[index] & 15)
        }
        return Bytes(digits, count: capacity)
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }

    private static func number(_ value: Int32, _ request: Request) -> Bytes {
        var writer = ByteWriter(request.pool.allocate(UInt8.self, count: 20), capacity: 20)
        writer.append(decimal: Int64(value))
        return writer.written
    }

    /// "OpenSSL/3.0.11" of "OpenSSL 3.0.11 19 Sep 2023".
    private static func library(_ request: Request) -> Bytes {
        let words = String(cString: OpenSSL_version(OPENSSL_VERSION)).split(separator: " ")
        return request.pool.copy(words.prefix(2).joined(separator: "/"))
    }

    /// A string of OpenSSL's: it lives as long as the connection.
    private static func text(_ string: UnsafePointer<CChar>?) -> Bytes {
        string.map { Bytes(cString: $0) } ?? .none
    }
}
