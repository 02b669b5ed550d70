/// What was found in a configuration as JSON, for editors.
enum DiagnosticsJSON {
    static func render(_ found: [Diagnostic]) -> String {
        let errors = found.count { $0.severity == .error }
        let warnings = found.count { $0.severity == .warning }
        let items = found.map { "\n    \(item($0))" }.joined(separator: ",")
        return """
            {
              "ok": \(errors == 0),
              "errors": \(errors),
              "warnings": \(warnings),
              "diagnostics": [\(items)\(found.isEmpty ? "" : "\n  ")]
            }

            """
    }

    private static func item(_ diagnostic: Diagnostic) -> String {
        var fields = ["\"severity\": \(quote(diagnostic.severity.rawValue))", "\"message\": \(quote(diagnostic.message))"]
        if let hint = diagnostic.hint { fields.append("\"hint\": \(quote(hint))") }
        if let location = diagnostic.location {
            fields.append(place(location))
            let outer = location.includeChain.map { "{\(place($0))}" }
            if !outer.isEmpty { fields.append("\"includedFrom\": [\(outer.joined(separator: ", "))]") }
        }
        return "{\(fields.joined(separator: ", "))}"
    }

    private static func place(_ location: SourceLocation) -> String {
        let line = location.line > 0 ? ", \"line\": \(location.line), \"column\": \(location.column)" : ""
        return "\"file\": \(quote(location.file.path))\(line)"
    }

    /// RFC 8259, 7.
    static func quote(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
