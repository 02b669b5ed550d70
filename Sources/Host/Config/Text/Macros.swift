/// A macro: lines that are read wherever it is used, with values in the place of its parameters.
struct Macro {
    let name: String
    /// As written, sigils included; the longest first, so that `$winter` is not taken for `$win`.
    let parameters: [Parameter]
    /// The lines of its body as they stand, variables unfilled.
    let lines: [SourceText]
    let location: SourceLocation

    struct Parameter {
        let name: [UInt8]
        /// Which of the values it stands for.
        let position: Int

        /// `@name` stands for its value in quotes.
        var isQuoted: Bool { name.first == UInt8(ascii: "@") }
    }

    /// The body with the values filled in; nil when it would come to more than `limit` bytes.
    func expanded(_ values: [Word], usedAt place: SourceLocation, limit: Int) -> (lines: [SourceText], size: Int)? {
        let file = SourceFile(macroBodyOf: location.file, usedAt: place)
        let replacements = parameters.map { (name: $0.name, text: $0.isQuoted ? quoted(values[$0.position].bytes) : values[$0.position].bytes) }
        var texts: [SourceText] = []
        var size = 0
        for line in lines {
            guard let text = expanded(line, replacements, in: file, limit: limit - size) else { return nil }
            // The shortest line is not free, either.
            size += text.bytes.count + 256
            texts.append(text)
        }
        return (texts, size)
    }

    private func expanded(
        _ line: SourceText, _ replacements: [(name: [UInt8], text: [UInt8])], in file: SourceFile, limit: Int
    ) -> SourceText? {
        var result = SourceText(file: file)
        var done = 0
        var at = 0
        while at < line.bytes.count {
            guard let found = replacements.first(where: { line.bytes[at...].starts(with: $0.name) }) else {
                at += 1
                continue
            }
            result.append(line[done..<at])
            result.append(expansion: found.text, of: line.location(at: at))
            guard result.bytes.count <= limit else { return nil }
            at += found.name.count
            done = at
        }
        result.append(line[done..<line.bytes.count])
        return result.bytes.count <= limit ? result.trimmed : nil
    }

    private func quoted(_ value: [UInt8]) -> [UInt8] {
        let quote = UInt8(ascii: "\"")
        let backslash = UInt8(ascii: "\\")
        return [quote] + value.flatMap { $0 == quote || $0 == backslash ? [backslash, $0] : [$0] } + [quote]
    }
}

/// Where logical lines come from: a file, or the body of a macro that is used in it.
struct LineFeed {
    private var reader: LineReader?
    private var lines: ArraySlice<SourceText> = []
    /// The macro whose body it is.
    let macro: String?

    init(_ source: SourceFile) {
        reader = LineReader(source)
        macro = nil
    }

    init(_ macro: Macro, _ lines: [SourceText]) {
        self.macro = macro.name.asciiLowered
        self.lines = lines[...]
    }

    mutating func next(_ diagnostics: Diagnostics?) -> SourceText? {
        reader != nil ? reader?.next(diagnostics) : lines.popFirst()
    }

    /// Reads ahead, for guessing what a closing tag was meant to close.
    var ahead: LineReader? { reader }
}

extension TreeReader {
    /// Reads the body of a `<Macro>` up to its end and remembers it.
    func defineMacro(_ tag: SectionTag, _ node: ConfigNode, from feeds: inout [LineFeed]) {
        guard let lines = body(of: tag, from: &feeds) else {
            return diagnostics.error(
                "<\(tag.name)> is never closed", at: tag.location, hint: "add </\(tag.name)> where the macro ends")
        }
        let words = node.words(diagnostics)
        guard let name = words.first, !name.bytes.isEmpty else {
            return diagnostics.error(
                "<\(tag.name)> names no macro", at: tag.location, hint: "write <Macro NAME $parameter …>")
        }
        guard let parameters = parameters(Array(words.dropFirst()), of: name.text) else { return }
        let macro = Macro(name: name.text, parameters: parameters, lines: lines, location: tag.location)
        if let other = macros[name.text.asciiLowered] {
            diagnostics.warning(
                "the macro \(name.text) is defined already, at \(other.location); this definition replaces it",
                at: tag.location, hint: "UndefMacro \(name.text) says that this is meant")
        }
        warnAboutUnused(macro)
        macros[name.text.asciiLowered] = macro
    }

    /// The lines up to the closing tag; a definition in them has its own. Nil: there is no closing tag.
    private func body(of tag: SectionTag, from feeds: inout [LineFeed]) -> [SourceText]? {
        var lines: [SourceText] = []
        var depth = 1
        while let line = feeds[feeds.count - 1].next(diagnostics) {
            if let inner = SectionTag(line), inner.name.isSameName(as: tag.name) {
                depth += inner.isClosing ? -1 : 1
                if depth == 0 { return lines }
            }
            lines.append(line)
        }
        return nil
    }

    private func parameters(_ words: [Word], of macro: String) -> [Macro.Parameter]? {
        var seen: Set<[UInt8]> = []
        var parameters: [Macro.Parameter] = []
        for (position, word) in words.enumerated() {
            guard !word.bytes.isEmpty else {
                diagnostics.error("parameter \(position + 1) of the macro \(macro) has no name", at: word.location)
                return nil
            }
            guard seen.insert(word.bytes).inserted else {
                diagnostics.error("the macro \(macro) has two parameters \(word.text)", at: word.location)
                return nil
            }
            if !["$", "%", "@"].contains(word.text.prefix(1)) {
                diagnostics.warning(
                    "the parameter \(word.text) begins with none of $ % @, so words that hold it would be replaced, too",
                    at: word.location, hint: "write $\(word.text), here and in the body")
            }
            parameters.append(Macro.Parameter(name: word.bytes, position: position))
        }
        return parameters.sorted { $0.name.count > $1.name.count }
    }

    private func warnAboutUnused(_ macro: Macro) {
        if macro.lines.isEmpty { diagnostics.warning("the macro \(macro.name) is empty", at: macro.location) }
        for parameter in macro.parameters {
            let isUsed = macro.lines.contains { holds($0.bytes, parameter.name) }
            if !isUsed, !macro.lines.isEmpty {
                diagnostics.warning("the macro \(macro.name) does not use its parameter \(parameter.name.configText)", at: macro.location)
            }
        }
    }

    private func holds(_ bytes: [UInt8], _ part: [UInt8]) -> Bool {
        bytes.indices.contains { bytes[$0...].starts(with: part) }
    }

    /// Lets the reader go on with the body of a macro.
    func useMacro(_ node: ConfigNode, _ feeds: inout [LineFeed]) {
        let words = node.words(diagnostics)
        guard let name = words.first else {
            return diagnostics.error("\(node.name) names no macro", at: node.location, hint: "write Use NAME value …")
        }
        guard let macro = macros[name.text.asciiLowered] else {
            let nearest = EditDistance.nearest(to: name.text, in: macros.values.map(\.name).sorted())
            return diagnostics.error(
                "there is no macro \(name.text)", at: name.location,
                hint: nearest.map { "did you mean \"\($0)\"?" } ?? "define it above with <Macro \(name.text)>")
        }
        let values = Array(words.dropFirst())
        guard values.count == macro.parameters.count else {
            return diagnostics.error(
                "the macro \(macro.name), defined at \(macro.location), takes \(macro.parameters.count) values, but \(values.count) are given",
                at: node.location)
        }
        guard !feeds.contains(where: { $0.macro == macro.name.asciiLowered }) else {
            return diagnostics.error(
                "the macro \(macro.name) uses itself", at: node.location, hint: "remove the \(node.name) that leads back to it")
        }
        guard let body = macro.expanded(values, usedAt: node.location, limit: settings.maximumMacroBytes - macroBytes) else {
            // One message is enough: what follows would exceed the limit, too.
            if !exceedsMacroLimit {
                diagnostics.error(
                    "macros come to more than \(settings.maximumMacroBytes) bytes", at: node.location,
                    hint: "look for macros that use others several times")
            }
            exceedsMacroLimit = true
            return macroBytes = settings.maximumMacroBytes
        }
        macroBytes += body.size
        feeds.append(LineFeed(macro, body.lines))
    }

    func undefineMacro(_ node: ConfigNode) {
        let words = node.words(diagnostics)
        guard words.count == 1 else {
            return diagnostics.error("\(node.name) takes the name of a macro, but \(words.count) words are given", at: node.location)
        }
        guard macros.removeValue(forKey: words[0].text.asciiLowered) != nil else {
            return diagnostics.error("there is no macro \(words[0].text)", at: words[0].location)
        }
    }
}
