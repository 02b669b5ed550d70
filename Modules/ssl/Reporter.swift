import COpenSSL
import Glibc
import ModuleKit

/// Reports what is wrong with the configuration, and counts it.
final class Reporter {
    enum Target {
        /// Whoever reads the configuration's errors.
        case configuration
        /// The error log, with this before each message: the server is at work.
        case log(String)
        /// Nobody: it has been said by another process.
        case nobody
    }

    private let host: Host
    private let target: Target
    private(set) var errors = 0

    init(_ host: Host, _ target: Target = .configuration) {
        self.host = host
        self.target = target
    }

    func error(_ code: StaticString, at location: Location, _ message: String) {
        errors += 1
        say(.error, code, location, message)
    }

    func warn(_ code: StaticString, at location: Location, _ message: String) {
        say(.warn, code, location, message)
    }

    private func say(_ level: LogLevel, _ code: StaticString, _ location: Location, _ message: String) {
        switch target {
        case .configuration: host.report(level, code: code, file: location.file, line: location.line, message)
        case .log(let prefix): host.log.write(level, code: code, "\(prefix)\(location): \(message)")
        case .nobody: break
        }
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

    /// The reason of the last error: of what was tried over and over.
    static func takeLastReason() -> String {
        let code = ERR_peek_last_error()
        ERR_clear_error()
        guard code != 0, let reason = ERR_reason_error_string(code) else { return "no answer in time" }
        return String(cString: reason)
    }

    /// Whether the first error is this one of the TLS library.
    static func holds(_ reason: Int32) -> Bool {
        let code = ERR_peek_error()
        return cossl_error_lib(code) == cossl_lib_ssl && cossl_error_reason(code) == reason
    }
}
