/// The sections of one file that are open at a point of reading.
///
/// A file closes all sections that it opens. A closing tag that fits badly is reported once; what it was
/// meant to close is guessed from the rest of the file, so that one slip causes no more messages below it.
struct OpenSections {
    struct Section {
        enum Content {
            /// Goes into the node of the section itself.
            case kept
            /// Goes into the enclosing section: the body of a conditional that holds.
            case spliced
            /// Is not read, only searched for the end of the section.
            case skipped
        }

        let name: String
        let location: SourceLocation
        let target: ConfigNode
        let content: Content
    }

    private let outermost: ConfigNode
    private var sections: [Section] = []
    /// How many more misfits are worth reading the rest of the file for.
    private var guessesLeft = 100

    init(in outermost: ConfigNode) {
        self.outermost = outermost
    }

    /// The node that directives belong to.
    var target: ConfigNode { sections.last?.target ?? outermost }

    /// How deep the sections are nested that directives go into. Whoever walks the tree goes as deep.
    var depth: Int { sections.count { $0.content == .kept } }

    /// Nobody writes more; a file that does is no configuration, or means harm.
    static let deepest = 100

    var isSkipping: Bool { sections.last?.content == .skipped }

    mutating func open(_ tag: SectionTag, _ content: Section.Content, target: ConfigNode) {
        sections.append(Section(name: tag.name, location: tag.location, target: target, content: content))
    }

    /// Closes the section that a closing tag names.
    ///
    /// - Parameter following: reads the lines below the tag, for guessing; nil: they cannot be known.
    mutating func close(_ tag: SectionTag, following: LineReader?, _ diagnostics: Diagnostics) {
        tag.check(diagnostics)
        guard let innermost = sections.last else {
            return diagnostics.error(
                "</\(tag.name)> closes nothing: no section is open here", at: tag.location,
                hint: "remove the line, or open <\(tag.name)> above it")
        }
        guard !innermost.name.isSameName(as: tag.name) else {
            sections.removeLast()
            return
        }
        guessesLeft -= 1
        let named = sections.lastIndex { $0.name.isSameName(as: tag.name) }
        reportMismatch(tag, innermost: innermost, named: named.map { sections[$0] }, diagnostics)
        recover(from: tag, innermost: innermost, named: named, following)
    }

    /// Reports the sections that are still open at the end of the file.
    ///
    /// httpd lets the file end in a conditional that holds, so that is only doubtful.
    func reportUnclosed(_ diagnostics: Diagnostics) {
        // What is open within a skipped section is covered by the message about that.
        let firstSkipped = sections.firstIndex { $0.content == .skipped } ?? sections.count
        for section in sections.prefix(firstSkipped + 1) {
            let message = "<\(section.name)> is never closed"
            let hint = "add </\(section.name)> where the section ends; a file closes what it opens"
            if section.content == .spliced {
                diagnostics.warning(message, at: section.location, hint: hint)
            } else {
                diagnostics.error(message, at: section.location, hint: hint)
            }
        }
    }

    private func reportMismatch(
        _ tag: SectionTag, innermost: Section, named: Section?, _ diagnostics: Diagnostics
    ) {
        let end = "</\(tag.name)> at \(tag.location)"
        let opened = "<\(innermost.name)> opened at \(innermost.location)"
        if let named {
            diagnostics.error(
                "\(end) closes <\(named.name)> opened at \(named.location), but \(opened) is still open",
                at: tag.location, hint: "add </\(innermost.name)> above this line")
        } else {
            diagnostics.error(
                "\(end) closes \(opened)", at: tag.location,
                hint: "write </\(innermost.name)>, or remove the line: no <\(tag.name)> is open here")
        }
    }

    /// Decides what a misfit closes.
    ///
    /// If the innermost section has its own end below, it stays open, and the misfit closes the section it
    /// names (crossed tags) or nothing (a left-over line). If not, the misfit closes everything up to the
    /// section it names (a forgotten end), or just the innermost section (a wrong name).
    private mutating func recover(
        from tag: SectionTag, innermost: Section, named: Int?, _ following: LineReader?
    ) {
        let isNamedClosedBelow = named == nil || isClosed(tag.name, below: following)
        if isClosed(innermost.name, below: following) {
            if let named, !isNamedClosedBelow { sections.remove(at: named) }
        } else if let named, !isNamedClosedBelow {
            sections.removeSubrange(named...)
        } else {
            sections.removeLast()
        }
    }

    /// Whether the lines below hold an end for an open section of this name, pairs of their own left aside.
    private func isClosed(_ name: String, below lines: LineReader?) -> Bool {
        guard guessesLeft >= 0, var lines else { return false }
        var depth = 1
        while let line = lines.next() {
            guard let tag = SectionTag(line), tag.name.isSameName(as: name) else { continue }
            depth += tag.isClosing ? -1 : 1
            if depth == 0 { return true }
        }
        return false
    }
}
