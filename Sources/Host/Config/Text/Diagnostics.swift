/// One thing found in the configuration that its writer should know.
struct Diagnostic {
    enum Severity: String {
        case error, warning, notice
    }

    let severity: Severity
    let location: SourceLocation?
    let message: String
    /// What to do about it.
    let hint: String?
}

/// Collects what is found while the configuration is read, so that everything is reported at once.
final class Diagnostics {
    private(set) var all: [Diagnostic] = []

    func error(_ message: String, at location: SourceLocation?, hint: String? = nil) {
        add(.error, message, location, hint)
    }

    func warning(_ message: String, at location: SourceLocation?, hint: String? = nil) {
        add(.warning, message, location, hint)
    }

    func notice(_ message: String, at location: SourceLocation?, hint: String? = nil) {
        add(.notice, message, location, hint)
    }

    var hasErrors: Bool { all.contains { $0.severity == .error } }

    var errorCount: Int { all.count { $0.severity == .error } }

    /// Everything found, in the order of reading, as text for a terminal or a log.
    func render() -> String {
        all.map { DiagnosticRenderer.render($0) }.joined()
    }

    private func add(
        _ severity: Diagnostic.Severity, _ message: String, _ location: SourceLocation?, _ hint: String?
    ) {
        all.append(Diagnostic(severity: severity, location: location, message: message, hint: hint))
    }
}
