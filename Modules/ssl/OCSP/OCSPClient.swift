import COpenSSL
import Glibc

/// Where a responder is, and how long it may take.
struct ResponderAddress: Sendable {
    let host, port, path: String
    /// Where requests for it are sent instead: an HTTP proxy.
    var proxy: String?
    var timeout: Int32

    /// - Returns: nil for what is no http URL.
    init?(_ url: String, timeout: Int32, proxy: String? = nil) {
        var useTLS: Int32 = 0
        var host: UnsafeMutablePointer<CChar>?
        var port: UnsafeMutablePointer<CChar>?
        var path: UnsafeMutablePointer<CChar>?
        guard OSSL_HTTP_parse_url(url, &useTLS, nil, &host, &port, nil, &path, nil, nil) == 1, let host, let port,
            let path
        else {
            ERR_clear_error()
            return nil
        }
        defer { for part in [host, port, path] { cossl_free(part) } }
        guard useTLS == 0 else { return nil }
        self.host = String(cString: host)
        self.port = String(cString: port)
        self.path = String(cString: path)
        self.proxy = proxy
        self.timeout = timeout
    }
}

/// Asks responders (RFC 6960, appendix A.1). Blocks: for threads of their own.
enum OCSPClient {
    /// The answers of responders with a chain of certificates in them are well below this.
    private static let longestAnswer = 64 * 1024

    struct Failure: Error {
        let reason: String
    }

    static func result(_ address: ResponderAddress, _ request: [UInt8]) -> Result<[UInt8], Failure> {
        do {
            return .success(try ask(address, request))
        } catch {
            return .failure(error as? Failure ?? Failure(reason: "\(error)"))
        }
    }

    /// What the responder answers to the request, both in DER.
    static func ask(_ address: ResponderAddress, _ request: [UInt8]) throws -> [UInt8] {
        ERR_clear_error()
        defer { ERR_clear_error() }
        let body = request.withUnsafeBytes { BIO_new_mem_buf($0.baseAddress, Int32($0.count)) }
        defer { BIO_free(body) }
        // Without this the environment could name a proxy.
        let direct = address.proxy == nil ? address.host : nil
        let answer = withExtendedLifetime(request) {
            OSSL_HTTP_transfer(
                nil, address.host, address.port, address.path, 0, address.proxy, direct, nil, nil, nil, nil, 0, nil,
                "application/ocsp-request", body, "application/ocsp-response", 1, longestAnswer, address.timeout, 0)
        }
        guard let answer else { throw Failure(reason: ErrorQueue.takeLastReason()) }
        defer { BIO_free(answer) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        while bytes.count <= longestAnswer {
            let count = BIO_read(answer, &piece, Int32(piece.count))
            guard count > 0 else { break }
            bytes += piece[..<Int(count)]
        }
        guard !bytes.isEmpty else { throw Failure(reason: "an empty answer") }
        return bytes
    }
}
