import COpenSSL
import Glibc
import ModuleABI.Draft
import ModuleKit

/// One connection to another server.
final class UpstreamConnection {
    let context: UpstreamContext
    fileprivate let ssl: OpaquePointer
    private let host: String
    fileprivate var problem = ""
    /// The text that was last handed out.
    fileprivate var shown: UnsafeMutablePointer<CChar>?

    fileprivate init?(_ context: UpstreamContext, _ host: String, _ fd: Int32) {
        guard let ssl = SSL_new(context.ctx) else { return nil }
        self.context = context
        self.ssl = ssl
        self.host = host
        SSL_set_ex_data(ssl, 0, Unmanaged.passUnretained(self).toOpaque())
        SSL_set_connect_state(ssl)
        guard SSL_set_fd(ssl, fd) == 1 else {
            SSL_free(ssl)
            return nil
        }
        // RFC 6066 section 3: an address is no name.
        if !isAddress { _ = cossl_set_host_name(ssl, host) }
    }

    fileprivate func end() {
        SSL_free(ssl)
        Glibc.free(shown)
    }

    static func of(_ ssl: OpaquePointer?) -> UpstreamConnection? {
        SSL_get_ex_data(ssl, 0).map { Unmanaged<UpstreamConnection>.fromOpaque($0).takeUnretainedValue() }
    }

    private var isAddress: Bool {
        var bytes = [UInt8](repeating: 0, count: 16)
        return inet_pton(AF_INET, host, &bytes) == 1 || inet_pton(AF_INET6, host, &bytes) == 1
    }

    /// What a call of OpenSSL's means for the caller.
    fileprivate func outcome(_ result: Int32, _ wants: UnsafeMutablePointer<UInt32>?) -> apus_status {
        guard result <= 0 else { return APUS_OK }
        switch SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ: wants?.pointee = APUS_FD_READ
        case SSL_ERROR_WANT_WRITE: wants?.pointee = APUS_FD_WRITE
        case SSL_ERROR_ZERO_RETURN: return APUS_OK
        default:
            let refusal = SSL_get_verify_result(ssl)
            let reason = X509_verify_cert_error_string(refusal).map { String(cString: $0) }
            problem =
                refusal == Int(X509_V_OK)
                ? ErrorQueue.takeReason() : "its certificate is refused: \(reason ?? "unknown")"
            ERR_clear_error()
            return APUS_E_FAIL
        }
        return APUS_AGAIN
    }

    /// What is wrong with the certificate of the other server beyond what OpenSSL has looked at; nil: nothing.
    fileprivate func judgePeer() -> String? {
        let conf = context.conf
        guard let certificate = SSL_get0_peer_certificate(ssl) else { return "it showed no certificate" }
        if conf.checksExpiry, !isValidNow(certificate) { return "its certificate is not valid now" }
        if conf.checksName {
            let isNamed =
                isAddress
                ? X509_check_ip_asc(certificate, host, 0) == 1
                : X509_check_host(certificate, host, host.utf8.count, 0, nil) == 1
            return isNamed ? nil : "its certificate does not name \(host)"
        }
        if conf.checksCommonName, commonName(certificate)?.lowercased() != host.lowercased() {
            return "the common name of its certificate is not \(host)"
        }
        return nil
    }

    private func isValidNow(_ certificate: OpaquePointer) -> Bool {
        guard let start = X509_get0_notBefore(certificate), let end = X509_get0_notAfter(certificate) else {
            return false
        }
        return X509_cmp_current_time(start) < 0 && X509_cmp_current_time(end) > 0
    }

    private func commonName(_ certificate: OpaquePointer) -> String? {
        var text = [CChar](repeating: 0, count: 256)
        let length = X509_NAME_get_text_by_NID(
            X509_get_subject_name(certificate), NID_commonName, &text, Int32(text.count))
        return length > 0
            ? String(decoding: text.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
    }

    fileprivate func show(_ text: String) -> apus_str {
        Glibc.free(shown)
        shown = strdup(text)
        return shown.map { Bytes(cString: $0) } ?? .none
    }
}

/// The provider "tls" of group "upstream/0.1".
enum UpstreamTransport {
    static var table: apus_upstream_v0 {
        apus_upstream_v0(
            size: UInt32(MemoryLayout<apus_upstream_v0>.size), flags: 0, open: open, handshake: handshake, read: read,
            write: write, shutdown: shutdown, close: close, problem: problem, fact: fact)
    }
}

private func peer(_ state: UnsafeMutableRawPointer?) -> UpstreamConnection {
    Unmanaged<UpstreamConnection>.fromOpaque(state.unsafelyUnwrapped).takeUnretainedValue()
}

private func open(
    _ ctx: UnsafeMutableRawPointer?, _ server: OpaquePointer?, _ host: apus_str, _ fd: Int32,
    _ state: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> apus_status {
    let process = TLSProcess.from(ctx)
    guard let contexts = process.pointee.upstreams?.takeUnretainedValue(),
        let context = contexts.byServer[process.pointee.index(of: server)]
    else { return APUS_DECLINED }
    guard let connection = UpstreamConnection(context, host.string, fd) else { return APUS_E_NOMEM }
    state?.pointee = Unmanaged.passRetained(connection).toOpaque()
    return APUS_OK
}

private func handshake(_ state: UnsafeMutableRawPointer?, _ wants: UnsafeMutablePointer<UInt32>?) -> apus_status {
    let peer = peer(state)
    ErrorQueue.clear()
    let status = peer.outcome(SSL_do_handshake(peer.ssl), wants)
    guard status == APUS_OK, let problem = peer.judgePeer() else { return status }
    peer.problem = problem
    return APUS_E_FAIL
}

private func read(
    _ state: UnsafeMutableRawPointer?, _ buffer: UnsafeMutableRawPointer?, _ capacity: Int,
    _ n: UnsafeMutablePointer<Int>?, _ wants: UnsafeMutablePointer<UInt32>?
) -> apus_status {
    let peer = peer(state)
    n?.pointee = 0
    ErrorQueue.clear()
    return peer.outcome(SSL_read_ex(peer.ssl, buffer, capacity, n), wants)
}

private func write(
    _ state: UnsafeMutableRawPointer?, _ bytes: UnsafeRawPointer?, _ length: Int, _ n: UnsafeMutablePointer<Int>?,
    _ wants: UnsafeMutablePointer<UInt32>?
) -> apus_status {
    let peer = peer(state)
    n?.pointee = 0
    ErrorQueue.clear()
    return peer.outcome(SSL_write_ex(peer.ssl, bytes, length, n), wants)
}

private func shutdown(_ state: UnsafeMutableRawPointer?, _ wants: UnsafeMutablePointer<UInt32>?) -> apus_status {
    let peer = peer(state)
    ErrorQueue.clear()
    let result = SSL_shutdown(peer.ssl)
    return result == 0 ? APUS_OK : peer.outcome(result, wants)
}

private func close(_ state: UnsafeMutableRawPointer?) {
    guard let state else { return }
    let connection = Unmanaged<UpstreamConnection>.fromOpaque(state)
    connection.takeUnretainedValue().end()
    connection.release()
}

private func problem(_ state: UnsafeMutableRawPointer?) -> apus_str {
    let peer = peer(state)
    return peer.show(peer.problem)
}

private func fact(_ state: UnsafeMutableRawPointer?, _ name: apus_str) -> apus_str {
    let peer = peer(state)
    if name == "protocol" { return Bytes(cString: SSL_get_version(peer.ssl)) }
    if name == "cipher" {
        return SSL_CIPHER_get_name(SSL_get_current_cipher(peer.ssl)).map { Bytes(cString: $0) } ?? .none
    }
    if name == "verified" {
        if peer.context.conf.verification == .none { return Bytes("NONE") }
        return SSL_get_verify_result(peer.ssl) == Int(X509_V_OK) ? Bytes("SUCCESS") : Bytes("GENEROUS")
    }
    return .none
}

/// The contexts of the servers that speak TLS to others; kept as long as the process.
final class Upstreams {
    var byServer: [Int: UpstreamContext] = [:]
}
