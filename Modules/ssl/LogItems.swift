import COpenSSL
import ModuleKit

/// The providers "x" and "c" of group "log_item/1".
enum LogItems {
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
        guard let variable = classicNames.first(where: { name == $0.0 })?.1 else { return .none }
        return Variables.value(Bytes(variable), request)
    }

    private static let classicNames: [(StaticString, StaticString)] = [
        ("version", "SSL_PROTOCOL"), ("cipher", "SSL_CIPHER"), ("subjectdn", "SSL_CLIENT_S_DN"),
        ("clientcert", "SSL_CLIENT_S_DN"), ("issuerdn", "SSL_CLIENT_I_DN"), ("cacert", "SSL_CLIENT_I_DN"),
        ("errcode", "SSL_CLIENT_VERIFY"), ("errstr", "SSL_CLIENT_VERIFY"),
    ]
}
