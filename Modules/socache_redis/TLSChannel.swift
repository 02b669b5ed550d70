import COpenSSL
import ModuleKit
import RemoteCache

/// TLS to Redis servers, whose certificates must be good for the names by which they are called.
final class TLSChannels: RemoteChannels {
    private let conf: () -> TLSConf
    private var ctx: OpaquePointer?

    /// - Parameter conf: asked when the whole configuration is known.
    init(_ conf: @escaping () -> TLSConf) { self.conf = conf }

    func open() throws {
        guard ctx == nil else { return }
        let conf = conf()
        guard let ctx = SSL_CTX_new(TLS_client_method()) else { throw TLSFailure.last("OpenSSL cannot make a context") }
        self.ctx = ctx
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, nil)
        _ = cossl_ctx_set_min_version(ctx, TLS1_2_VERSION)
        cossl_ctx_set_mode(ctx, cossl_client_modes)
        if conf.authorities.isEmpty {
            SSL_CTX_set_default_verify_paths(ctx)
        } else if SSL_CTX_load_verify_locations(ctx, conf.authorities, nil) != 1 {
            throw TLSFailure.last("RedisTLSCACertificateFile \(conf.authorities) holds no certificates that OpenSSL can read")
        }
        guard !conf.certificate.isEmpty else { return }
        guard SSL_CTX_use_certificate_chain_file(ctx, conf.certificate) == 1 else {
            throw TLSFailure.last("RedisTLSCertificateFile \(conf.certificate) holds no certificate that OpenSSL can use")
        }
        let key = conf.key.isEmpty ? conf.certificate : conf.key
        guard SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) == 1, SSL_CTX_check_private_key(ctx) == 1 else {
            throw TLSFailure.last("the key in \(key) cannot be used with the certificate in \(conf.certificate)")
        }
    }

    func channel(to server: RemoteAddress) throws -> any RemoteChannel {
        guard let ctx, let channel = TLSChannel(ctx, server.host) else { throw TLSFailure.last("OpenSSL cannot begin") }
        return channel
    }
}

/// The files of RedisTLSCACertificateFile, RedisTLSCertificateFile and RedisTLSCertificateKeyFile; empty: none.
struct TLSConf {
    var authorities = ""
    var certificate = ""
    var key = ""
}

enum TLSFailure {
    static func last(_ what: String) -> DirectiveError { DirectiveError("\(what): \(reason())") }

    /// Why OpenSSL failed last; its queue is empty afterwards.
    static func reason() -> String {
        let code = ERR_get_error()
        ERR_clear_error()
        return ERR_reason_error_string(code).map { String(cString: $0) } ?? "no reason given"
    }
}

/// One TLS connection, between two buffers of OpenSSL's.
private final class TLSChannel: RemoteChannel {
    private let ssl: OpaquePointer
    private let incoming: OpaquePointer
    private let outgoing: OpaquePointer

    init?(_ ctx: OpaquePointer, _ name: String) {
        guard let ssl = SSL_new(ctx) else { return nil }
        guard let incoming = BIO_new(BIO_s_mem()), let outgoing = BIO_new(BIO_s_mem()) else {
            SSL_free(ssl)
            return nil
        }
        self.ssl = ssl
        self.incoming = incoming
        self.outgoing = outgoing
        SSL_set_bio(ssl, incoming, outgoing)
        SSL_set_connect_state(ssl)
        let isAddress = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1
        if !isAddress {
            guard SSL_set1_host(ssl, name) == 1 else { return nil }
            _ = cossl_set_host_name(ssl, name)
        }
        ERR_clear_error()
    }

    deinit { SSL_free(ssl) }

    func exchange(
        received: UnsafeRawBufferPointer, saying: inout [UInt8], to wire: inout [UInt8],
        hear: (UnsafeRawBufferPointer) -> Void
    ) -> RemoteChannelOutcome {
        ERR_clear_error()
        if let bytes = received.baseAddress { BIO_write(incoming, bytes, Int32(received.count)) }
        let outcome = advance(&saying, hear)
        takeOutput(&wire)
        return outcome
    }

    private func advance(_ saying: inout [UInt8], _ hear: (UnsafeRawBufferPointer) -> Void) -> RemoteChannelOutcome {
        if SSL_is_init_finished(ssl) != 1 {
            let outcome = SSL_do_handshake(ssl)
            guard outcome == 1 else { return problem(outcome) }
        }
        let heard = listen(hear)
        guard case .fine = heard else { return heard }
        return speak(&saying)
    }

    private func speak(_ saying: inout [UInt8]) -> RemoteChannelOutcome {
        var said = 0
        defer { saying.removeFirst(said) }
        while said < saying.count {
            var taken = 0
            let outcome = saying.withUnsafeBytes { SSL_write_ex(ssl, $0.baseAddress.unsafelyUnwrapped + said, $0.count - said, &taken) }
            guard outcome == 1 else { return problem(outcome) }
            said += taken
        }
        return .fine
    }

    private func listen(_ hear: (UnsafeRawBufferPointer) -> Void) -> RemoteChannelOutcome {
        withUnsafeTemporaryAllocation(byteCount: 16384, alignment: 16) { buffer in
            while true {
                var count = 0
                let outcome = SSL_read_ex(ssl, buffer.baseAddress, buffer.count, &count)
                guard outcome == 1 else { return problem(outcome) }
                hear(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            }
        }
    }

    private func problem(_ outcome: Int32) -> RemoteChannelOutcome {
        switch SSL_get_error(ssl, outcome) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE:
            ERR_clear_error()
            return .fine
        case SSL_ERROR_ZERO_RETURN: return .ended
        default: return .failed("TLS: \(verdict ?? TLSFailure.reason())")
        }
    }

    /// What is wrong with the server's certificate; nil: nothing.
    private var verdict: String? {
        let result = SSL_get_verify_result(ssl)
        guard result != Int(X509_V_OK), let text = X509_verify_cert_error_string(result) else { return nil }
        ERR_clear_error()
        return "its certificate is refused: \(String(cString: text))"
    }

    private func takeOutput(_ wire: inout [UInt8]) {
        let count = Int(BIO_ctrl_pending(outgoing))
        guard count > 0 else { return }
        let before = wire.count
        wire.append(contentsOf: repeatElement(0, count: count))
        wire.withUnsafeMutableBytes { _ = BIO_read(outgoing, $0.baseAddress.unsafelyUnwrapped + before, Int32(count)) }
    }
}
