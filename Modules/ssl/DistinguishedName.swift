import COpenSSL
import ModuleKit

/// Names of certificates as text.
enum DistinguishedName {
    /// By RFC 2253, with what terminals and logs could obey escaped.
    static func text(_ name: OpaquePointer?) -> String {
        with(name, legacy: false) { $0.string } ?? ""
    }

    /// The name in the request's memory. `legacy`: "/C=DE/CN=me", as before httpd 2.3.11.
    static func text(_ name: OpaquePointer?, legacy: Bool, in pool: Pool) -> Bytes {
        with(name, legacy: legacy) { pool.copy($0) } ?? .none
    }

    private static func with<Result>(_ name: OpaquePointer?, legacy: Bool, _ body: (Bytes) -> Result) -> Result? {
        guard let name else { return nil }
        if legacy {
            guard let line = X509_NAME_oneline(name, nil, 0) else { return nil }
            defer { cossl_free(line) }
            return body(Bytes(cString: line))
        }
        guard let output = BIO_new(BIO_s_mem()) else { return nil }
        defer { BIO_free(output) }
        let flags = UInt(bitPattern: Int(cossl_name_flags))
        guard X509_NAME_print_ex(output, name, 0, flags) >= 0 else { return nil }
        var start: UnsafePointer<CChar>?
        let count = cossl_bio_data(output, &start)
        return body(Bytes(ptr: start, len: count))
    }
}
