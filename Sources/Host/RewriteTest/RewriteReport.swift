/// How the outcome of a test of rules is told.
enum RewriteReport {
    /// One line of a case that failed: where it stands, what it asks for, what is wrong, and which rule decided.
    static func line(_ trial: RewriteTrial) -> String {
        let request = trial.expectation.method == "GET" ? "" : "\(trial.expectation.method) "
        let rule = trial.rule.map { " (decided by \($0))" } ?? " (no rule decided)"
        return "\(trial.expectation.location): \(request)\(trial.expectation.url.text): \(trial.problems.joined(separator: "; "))\(rule)\n"
    }

    static func summary(_ trials: [RewriteTrial]) -> String {
        let failed = trials.count { !$0.hasPassed }
        let cases = trials.count == 1 ? "1 case" : "\(trials.count) cases"
        return failed == 0 ? "\(cases), all as expected\n" : "\(cases), \(failed) not as expected\n"
    }

    static func json(_ trials: [RewriteTrial], traces: Bool) -> String {
        let items = trials.map { "\n    \(item($0, traces))" }.joined(separator: ",")
        return """
            {
              "cases": \(trials.count),
              "failed": \(trials.count { !$0.hasPassed }),
              "results": [\(items)
              ]
            }

            """
    }

    private static func item(_ trial: RewriteTrial, _ traces: Bool) -> String {
        let quote = DiagnosticsJSON.quote
        let expected = trial.expectation.result ?? .path(trial.expectation.url.target)
        var fields = [
            "\"file\": \(quote(trial.expectation.location.file.path))", "\"line\": \(trial.expectation.location.line)",
            "\"method\": \(quote(trial.expectation.method))", "\"url\": \(quote(trial.expectation.url.text))",
            "\"passed\": \(trial.hasPassed)", "\"expected\": \(quote(expected.description))",
        ]
        if let actual = trial.actual { fields.append("\"actual\": \(quote(actual.description))") }
        if let rule = trial.rule { fields.append("\"rule\": \(quote(rule))") }
        if !trial.hasPassed { fields.append("\"problems\": [\(trial.problems.map(quote).joined(separator: ", "))]") }
        if traces, !trial.hasPassed { fields.append("\"trace\": [\(trial.trace.map(quote).joined(separator: ", "))]") }
        return "{\(fields.joined(separator: ", "))}"
    }
}
