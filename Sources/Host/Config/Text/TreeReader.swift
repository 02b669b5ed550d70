/// What the reader of the configuration asks of the server.
protocol TreeReaderDelegate: AnyObject {
    /// Whether a directive has to be executed while reading (LoadModule, LoadFile, ServerRoot, …).
    func isEarly(_ directive: String) -> Bool
    /// Executes an early directive. The node knows the section it stands in but is not part of the tree.
    func executeEarly(_ node: ConfigNode, _ diagnostics: Diagnostics)
    /// A directive or section is about to become part of the tree.
    func willKeep(_ node: ConfigNode)
    /// Whether a module is loaded at this point, by its name (`ssl_module`) or its file (`mod_ssl.c`).
    func isModuleLoaded(_ nameOrFile: String) -> Bool
    /// Whether a directive of this name can be used at this point of reading.
    func knowsDirective(_ name: String) -> Bool
    /// Whether a section of this name can be used at this point of reading.
    func knowsSection(_ name: String) -> Bool
    /// The path made absolute against ServerRoot.
    func resolve(_ path: String) -> String
}

extension TreeReaderDelegate {
    func willKeep(_ node: ConfigNode) {}
}

/// What has been read: the tree of what is left to do, and what was done on the way.
struct ConfigTree {
    let root: ConfigNode
    /// The directives that were executed while reading, in their order. They are not in the tree.
    fileprivate(set) var executed: [ConfigNode] = []
    /// All sources that were read, in their order; a file that was included twice is there twice.
    fileprivate(set) var sources: [SourceFile] = []
}

/// Reads configuration into a tree and executes what httpd executes while reading, in the order of the lines.
///
/// That is the conditional sections, `Include`, `Define` and the like, and what the delegate calls early.
/// The bodies of conditionals and included files appear in the place where they were asked for. Reading goes
/// on after errors.
final class TreeReader {
    /// What kind of file is read.
    enum Scope {
        /// The server's configuration.
        case server
        /// An `.htaccess` file, which may use conditionals and variables but not include or define.
        case accessFile
    }

    struct Settings {
        /// The version that `<IfVersion>` compares with.
        var version: ServerVersion
        var scope = Scope.server
        /// Tells whether a pattern matches a text; nil if it is no pattern.
        var matches: (_ pattern: String, _ text: String) -> Bool? = PosixPattern.matches
        /// Whether a conditional section of this name may be used.
        var admitsConditional: (_ name: String) -> Bool = { _ in true }
        /// How many bytes the bodies of macros may come to, all uses taken together: macros that use others grow fast.
        var maximumMacroBytes = 256 << 20
        /// The deepest nesting of included files.
        var maximumIncludeDepth = 128
    }

    let settings: Settings
    let defines: Defines
    let diagnostics: Diagnostics
    let delegate: any TreeReaderDelegate
    private var tree: ConfigTree
    /// By their names in small letters; those of the server's configuration can be used in `.htaccess` files.
    var macros: [String: Macro] = [:]
    var macroBytes = 0
    /// Whether it has been told that they come to more.
    var exceedsMacroLimit = false
    /// Set when reading on would only repeat an endless inclusion.
    private var isAbandoned = false

    init(
        settings: Settings, defines: Defines, diagnostics: Diagnostics, delegate: any TreeReaderDelegate
    ) {
        self.settings = settings
        self.defines = defines
        self.diagnostics = diagnostics
        self.delegate = delegate
        tree = ConfigTree(root: ConfigNode(rootOf: SourceFile(path: "", bytes: [])))
    }

    /// Reads the main file, with the directives of `-C` before and of `-c` after it.
    func read(mainFile path: String, before: [String] = [], after: [String] = []) -> ConfigTree {
        do throws(SourceReadFailure) {
            let main = try SourceFile.load(path, includedFrom: nil)
            let first = before.isEmpty ? [] : [SourceFile(commandLineDirectives: before)]
            let last = after.isEmpty ? [] : [SourceFile(commandLineDirectives: after)]
            return read(first + [main] + last)
        } catch {
            diagnostics.error(error.message, at: nil, hint: error.hint)
            return tree
        }
    }

    /// Reads sources that are already in memory, one after the other, as one configuration.
    func read(_ sources: [SourceFile]) -> ConfigTree {
        guard let main = sources.first else { return tree }
        tree = ConfigTree(root: ConfigNode(rootOf: main))
        isAbandoned = false
        for source in sources {
            read(source, into: tree.root)
        }
        return tree
    }

    private func read(_ source: SourceFile, into target: ConfigNode) {
        tree.sources.append(source)
        var sections = OpenSections(in: target)
        // The file, and above it the bodies of the macros that are being used.
        var feeds = [LineFeed(source)]
        while !isAbandoned, let line = next(&feeds) { take(line, &sections, &feeds) }
        if !isAbandoned { sections.reportUnclosed(diagnostics) }
    }

    private func next(_ feeds: inout [LineFeed]) -> SourceText? {
        while !feeds.isEmpty {
            if let line = feeds[feeds.count - 1].next(diagnostics) { return line }
            feeds.removeLast()
        }
        return nil
    }

    private func take(_ line: SourceText, _ sections: inout OpenSections, _ feeds: inout [LineFeed]) {
        let text = sections.isSkipping ? line : defines.expand(line, diagnostics).trimmed
        guard let tag = SectionTag(text) else {
            if !sections.isSkipping { readDirective(text, into: sections.target, &feeds) }
            return
        }
        if tag.isClosing {
            sections.close(tag, following: feeds[feeds.count - 1].ahead, diagnostics)
        } else {
            open(tag, in: &sections, &feeds)
        }
    }

    private func open(_ tag: SectionTag, in sections: inout OpenSections, _ feeds: inout [LineFeed]) {
        let target = sections.target
        guard !sections.isSkipping else {
            return sections.open(tag, .skipped, target: target)
        }
        tag.check(diagnostics)
        let node = ConfigNode(
            name: tag.name, text: tag.arguments, location: tag.location, isSection: true, parent: target)
        if tag.name.isSameName(as: "Macro") {
            defineMacro(tag, node, from: &feeds)
        } else if let conditional = Conditional(sectionName: tag.name) {
            let isAdmitted = settings.admitsConditional(tag.name)
            if !isAdmitted { diagnostics.error("<\(tag.name)> is not allowed here", at: tag.location) }
            let isRead = isAdmitted && holds(conditional, node) ?? false
            sections.open(tag, isRead ? .spliced : .skipped, target: target)
        } else if sections.depth == OpenSections.deepest {
            diagnostics.error(
                "sections are nested more than \(OpenSections.deepest) deep", at: tag.location,
                hint: "close those above that are done")
            sections.open(tag, .skipped, target: target)
        } else {
            target.append(node)
            sections.open(tag, .kept, target: node)
        }
    }

    private func readDirective(_ line: SourceText, into target: ConfigNode, _ feeds: inout [LineFeed]) {
        var words = WordReader(line)
        // A line of variables may turn out to be empty.
        guard let name = words.next(diagnostics), !name.bytes.isEmpty else { return }
        let node = ConfigNode(
            name: name.text, text: words.rest, location: name.location, isSection: false, parent: target)
        let directive = ReadingDirective(node)
        if let directive, settings.scope == .server || directive.isForAccessFiles {
            tree.executed.append(node)
            execute(directive, node, in: target, &feeds)
        } else if settings.scope == .server, delegate.isEarly(node.key) {
            tree.executed.append(node)
            delegate.executeEarly(node, diagnostics)
        } else {
            if settings.scope == .server { delegate.willKeep(node) }
            target.append(node)
        }
    }

    /// Reads an included file in the place of its `Include`.
    func include(_ path: String, isOptional: Bool, from node: ConfigNode, into target: ConfigNode) {
        guard !isAbandoned else { return }
        guard node.location.file.includeDepth < settings.maximumIncludeDepth else {
            isAbandoned = true
            return reportEndlessInclusion(of: path, from: node)
        }
        do throws(SourceReadFailure) {
            read(try SourceFile.load(path, includedFrom: node.location), into: target)
        } catch {
            if isOptional, error.isAbsent { return }
            diagnostics.error(error.message, at: node.location, hint: error.hint)
        }
    }

    private func reportEndlessInclusion(of path: String, from node: ConfigNode) {
        let outer = [node.location.file.path] + node.location.includeChain.map(\.file.path)
        var message = "files are included more than \(settings.maximumIncludeDepth) deep"
        if let repeated = outer.firstIndex(of: path) {
            let loop = outer[...repeated].reversed() + [path]
            message += ": " + loop.joined(separator: " includes ")
        }
        diagnostics.error(
            message, at: node.location, hint: "remove the Include that leads back to a file above it")
    }
}
