/// Turns diagnostics into text: the place and message, the source line with a caret, the hint, the includes.
enum DiagnosticRenderer {
    /// The longest part of a source line that is quoted.
    private static let quoteWidth = 100
    /// How much of a long line is shown before the caret.
    private static let quoteLead = 40
    /// The longest include chain that is printed in full.
    private static let chainLength = 6

    static func render(_ diagnostic: Diagnostic) -> String {
        var lines = [heading(of: diagnostic)]
        if let location = diagnostic.location {
            lines += quote(location)
        }
        if let hint = diagnostic.hint {
            lines.append("  hint: \(escape(shortened(hint).utf8))")
        }
        if let location = diagnostic.location {
            lines += chain(from: location)
        }
        return lines.map { $0 + "\n" }.joined()
    }

    /// The place and message in one line, the hint behind them.
    static func line(_ diagnostic: Diagnostic) -> String {
        let place = diagnostic.location.map { "\($0)\($0.line > 0 ? ":\($0.column)" : ""): " } ?? ""
        return escape("\(place)\(shortened(diagnostic.message))\(diagnostic.hint.map { " (\(shortened($0)))" } ?? "")".utf8)
    }

    /// A message without the middle of what it quotes, when that is longer than anybody would read.
    private static func shortened(_ text: String) -> String {
        guard text.utf8.count > 600 else { return text }
        return "\(String(decoding: text.utf8.prefix(300), as: UTF8.self))…\(String(decoding: text.utf8.suffix(200), as: UTF8.self))"
    }

    private static func heading(of diagnostic: Diagnostic) -> String {
        let message = "\(diagnostic.severity.rawValue): \(escape(shortened(diagnostic.message).utf8))"
        guard let location = diagnostic.location else { return message }
        let column = location.line > 0 ? ":\(location.column)" : ""
        return "\(escape(location.description.utf8))\(column): \(message)"
    }

    /// The source line and a line with the caret; nothing for a location without a line.
    private static func quote(_ location: SourceLocation) -> [String] {
        let line = location.file.lineWithTerminator(location.line)
        let text = Array(line.last == 0x0A ? line.dropLast() : line)
        let content = text.last == 0x0D ? Array(text.dropLast()) : text
        guard !content.isEmpty else { return [] }

        let caret = min(max(location.column - 1, 0), content.count)
        let window = window(around: caret, in: content)
        let before = (window.lowerBound > 0 ? "…" : "") + escape(content[window.lowerBound..<caret])
        let after = escape(content[caret..<window.upperBound])
        let end = window.upperBound < content.count ? "…" : ""
        return ["    " + before + after + end, "    " + String(repeating: " ", count: before.count) + "^"]
    }

    /// The part of a line that is shown, cut between characters.
    private static func window(around caret: Int, in content: [UInt8]) -> Range<Int> {
        guard content.count > quoteWidth else { return 0..<content.count }
        var start = min(max(0, caret - quoteLead), content.count - quoteWidth)
        var end = start + quoteWidth
        while start > 0, isContinuation(content[start]) { start -= 1 }
        while end < content.count, isContinuation(content[end]) { end += 1 }
        start = min(start, caret)
        return start..<max(end, caret)
    }

    private static func isContinuation(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }

    /// The text with control characters and what is not UTF-8 made visible; a tab becomes one space.
    static func escape(_ bytes: some Collection<UInt8>) -> String {
        var result = ""
        var decoder = UTF8()
        var iterator = bytes.makeIterator()
        decoding: while true {
            switch decoder.decode(&iterator) {
            case .scalarValue(let scalar): result += escape(scalar)
            case .error: result += "\u{FFFD}"
            case .emptyInput: break decoding
            }
        }
        return result
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        switch scalar.value {
        case 0x09: " "
        case 0..<0x20, 0x7F..<0xA0: "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
        // The marks that turn the direction of text could make a message show something else than it says.
        case 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: "\\u{\(String(scalar.value, radix: 16))}"
        default: String(scalar)
        }
    }

    private static func chain(from location: SourceLocation) -> [String] {
        let sources = [location] + location.includeChain
        let lines = zip(sources, sources.dropFirst()).map { inner, outer in
            "  \(inner.file.isMacro ? "used at" : "included from") \(escape(outer.description.utf8))"
        }
        guard lines.count > chainLength else { return lines }
        let half = chainLength / 2
        let left = lines.count - chainLength
        return lines.prefix(half) + ["  … \(left) more …"] + lines.suffix(half)
    }
}
