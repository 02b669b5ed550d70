import COpenSSL
import ModuleKit

/// What SSLCipherSuite says in a directory: ciphers up to TLS 1.2, in the configuration's memory.
struct DirectoryCiphers {
    /// NUL-terminated, for OpenSSL.
    let list: Bytes
    private let numbers: UnsafeBufferPointer<UInt32>

    /// Nil: OpenSSL knows none of them.
    init?(_ list: String, in pool: Pool) {
        guard let ctx = SSL_CTX_new(TLS_server_method()) else { return nil }
        defer { SSL_CTX_free(ctx) }
        guard SSL_CTX_set_cipher_list(ctx, list) == 1, let ciphers = SSL_CTX_get_ciphers(ctx) else { return nil }
        self.list = pool.copy(list)
        numbers = pool.copy(
            (0..<cossl_n_ciphers(ciphers)).compactMap { cossl_cipher(ciphers, $0).map { SSL_CIPHER_get_id($0) } })
    }

    func contains(_ number: UInt32) -> Bool { numbers.contains(number) }
}
