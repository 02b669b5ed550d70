import COpenSSL

/// Keys and certificates named by a PKCS#11 URI (RFC 7512): an OpenSSL provider with a STORE brings them.
enum TokenStore {
    static func isURI(_ name: String) -> Bool { name.lowercased().hasPrefix("pkcs11:") }

    static func key(_ uri: String) throws -> OpaquePointer {
        try load(uri, OSSL_STORE_INFO_PKEY) { OSSL_STORE_INFO_get1_PKEY($0) }
    }

    static func certificate(_ uri: String) throws -> OpaquePointer {
        try load(uri, OSSL_STORE_INFO_CERT) { OSSL_STORE_INFO_get1_CERT($0) }
    }

    private static func load(
        _ uri: String, _ kind: Int32, _ take: (OpaquePointer) -> OpaquePointer?
    ) throws -> OpaquePointer {
        guard let store = OSSL_STORE_open(uri, nil, nil, nil, nil) else { throw unavailable() }
        defer { OSSL_STORE_close(store) }
        _ = OSSL_STORE_expect(store, kind)
        while OSSL_STORE_eof(store) == 0 {
            guard let info = OSSL_STORE_load(store) else { continue }
            defer { OSSL_STORE_INFO_free(info) }
            if OSSL_STORE_INFO_get_type(info) == kind, let found = take(info) {
                ERR_clear_error()
                return found
            }
        }
        throw unavailable()
    }

    private static func unavailable() -> FileProblem {
        FileProblem(
            code: "AH10131",
            text: "OpenSSL finds nothing there: \(ErrorQueue.takeReason()); load a provider for PKCS#11 tokens "
                + "in OpenSSL's own configuration (openssl.cnf)")
    }
}
