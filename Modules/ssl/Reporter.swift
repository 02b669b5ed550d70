import COpenSSL
import Glibc
import ModuleKit

/// Reports what is wrong with the configuration, and counts it.
final class Reporter {
    private let host: Host
    private(set) var errors = 0

    init(_ host: Host) { self.host = host }

    func error(_ code: StaticString, at location: Location, _ message: String) {
        errors += 1
        host.report(.error, code: code, file: location.file, line: location.line, message)
    }

    func warn(_ code: StaticString, at location: Location, _ message: String) {
        host.report(.warn, code: code, file: location.file, line: location.line, message)
    }
}

/// OpenSSL's queue of errors.
enum ErrorQueue {
    /// Forgets what others left behind, so that the next failure is judged by its own error.
    @inline(__always)
    static func clear() { if ERR_peek_error() != 0 { ERR_clear_error() } }

    /// The reason of the first error, which is the cause of those after it; the queue is empty afterwards.
    static func takeReason() -> String {
        let code = ERR_get_error()
        ERR_clear_error()
        guard code != 0 else { return "no reason given" }
        if let reason = ERR_reason_error_string(code) { return String(cString: reason) }
        var text = [CChar](repeating: 0, count: 256)
        ERR_error_string_n(code, &text, text.count)
        return text.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
    }

    /// Whether the first error is this one of the TLS library.
    static func holds(_ reason: Int32) -> Bool {
        let code = ERR_peek_error()
        return cossl_error_lib(code) == cossl_lib_ssl && cossl_error_reason(code) == reason
    }
}
