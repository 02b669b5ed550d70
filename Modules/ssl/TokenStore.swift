import COpenSSL

/// Keys and certificates named by a PKCS#11 URI (RFC 7512): an OpenSSL provider with a STORE brings them, or else OpenSSL's
/// engine "pkcs11" (Debian: libengine-pkcs11-openssl).
enum TokenStore {
    static func isURI(_ name: String) -> Bool { name.lowercased().hasPrefix("pkcs11:") }

    static func key(_ uri: String) throws -> OpaquePointer {
        try load(uri, OSSL_STORE_INFO_PKEY, { OSSL_STORE_INFO_get1_PKEY($0) }, { cossl_engine_key($0, TokenEngine.name(of: uri)) })
    }

    static func certificate(_ uri: String) throws -> OpaquePointer {
        try load(uri, OSSL_STORE_INFO_CERT, { OSSL_STORE_INFO_get1_CERT($0) }, { cossl_engine_certificate($0, TokenEngine.name(of: uri)) })
    }

    private static func load(
        _ uri: String, _ kind: Int32, _ take: (OpaquePointer) -> OpaquePointer?, _ ask: (OpaquePointer) -> OpaquePointer?
    ) throws -> OpaquePointer {
        defer { ERR_clear_error() }
        if let found = stored(uri, kind, take) { return found }
        let reason = ErrorQueue.takeReason()
        guard let engine = TokenEngine.open(uri) else { throw unavailable(reason) }
        ERR_clear_error()
        guard let found = ask(engine) else {
            throw FileProblem(
                code: "AH10131",
                text: "the engine pkcs11 does not bring it: \(ErrorQueue.takeReason()); look at the names in the URI, its "
                    + "pin-value or pin-source, and module-path")
        }
        return found
    }

    private static func stored(_ uri: String, _ kind: Int32, _ take: (OpaquePointer) -> OpaquePointer?) -> OpaquePointer? {
        guard let store = OSSL_STORE_open(uri, nil, nil, nil, nil) else { return nil }
        defer { OSSL_STORE_close(store) }
        _ = OSSL_STORE_expect(store, kind)
        while OSSL_STORE_eof(store) == 0 {
            guard let info = OSSL_STORE_load(store) else { continue }
            defer { OSSL_STORE_INFO_free(info) }
            if OSSL_STORE_INFO_get_type(info) == kind, let found = take(info) { return found }
        }
        return nil
    }

    private static func unavailable(_ reason: String) -> FileProblem {
        FileProblem(
            code: "AH10131",
            text: "OpenSSL finds nothing there: \(reason); load a provider for PKCS#11 tokens in OpenSSL's own configuration "
                + "(openssl.cnf), or install the engine pkcs11 (Debian: libengine-pkcs11-openssl)")
    }
}

/// The engine that speaks to tokens: one for the process, with the driver that the first URI names.
private enum TokenEngine {
    nonisolated(unsafe) private static var opened: OpaquePointer?

    /// nil: there is none, or the driver cannot be loaded.
    static func open(_ uri: String) -> OpaquePointer? {
        if opened == nil { opened = cossl_engine_open("pkcs11", "MODULE_PATH", driver(of: uri)) }
        return opened
    }

    private static let driverName = "module-path="

    /// The module-path of the URI; nil: the system's own choice (p11-kit).
    private static func driver(of uri: String) -> String? {
        query(of: uri).first { $0.hasPrefix(driverName) }.map { String($0.dropFirst(driverName.count)) }
    }

    /// The URI as the engine reads it, which knows nothing of its second part.
    static func name(of uri: String) -> String {
        let rest = query(of: uri).filter { !$0.hasPrefix(driverName) }
        return ([uri.prefix { $0 != "?" }] + rest).joined(separator: ";")
    }

    private static func query(of uri: String) -> [Substring] {
        guard let mark = uri.firstIndex(of: "?") else { return [] }
        return uri[uri.index(after: mark)...].split(separator: "&")
    }
}
