import ModuleABI

/// The directives that the reader itself executes.
enum ReadingDirective: String {
    case define
    case error
    case include
    case includeOptional = "includeoptional"
    case undefine
    case undefineMacro = "undefmacro"
    case use

    /// Whether it may stand in `.htaccess` files, too.
    var isForAccessFiles: Bool { self == .error || self == .use || self == .undefineMacro }

    init?(name: String) {
        self.init(rawValue: name.asciiLowered)
    }

    init?(_ node: ConfigNode) { self.init(rawValue: node.key) }
}

extension TreeReader {
    /// Executes a directive that shapes the reading itself.
    func execute(_ directive: ReadingDirective, _ node: ConfigNode, in target: ConfigNode, _ feeds: inout [LineFeed]) {
        switch directive {
        case .define: define(node)
        case .error: raiseError(node)
        case .include: include(node, isOptional: false, into: target)
        case .includeOptional: include(node, isOptional: true, into: target)
        case .undefine: undefine(node)
        case .undefineMacro: undefineMacro(node)
        case .use: useMacro(node, &feeds)
        }
    }

    private func define(_ node: ConfigNode) {
        let words = node.words(diagnostics)
        guard (1...2).contains(words.count) else {
            return diagnostics.error(
                "\(node.name) takes a name and an optional value, but \(words.count) words are given",
                at: node.location, hint: "quote a value that holds spaces: \(node.name) NAME \"some value\"")
        }
        let name = words[0].text
        guard !name.isEmpty, !name.utf8.contains(UInt8(ascii: ":")) else {
            return diagnostics.error(
                "\"\(name)\" cannot be the name of a variable", at: words[0].location,
                hint: "use a name without a colon; ${…} with a colon belongs to other syntaxes")
        }
        defines.define(name, value: words.count == 2 ? words[1].bytes : nil)
    }

    private func undefine(_ node: ConfigNode) {
        guard let name = onlyWord(of: node, meaning: "the name of a variable") else { return }
        defines.undefine(name.text)
    }

    private func raiseError(_ node: ConfigNode) {
        guard !node.arguments.isEmpty else {
            return diagnostics.error(
                "\(node.name) stands without a message", at: node.location,
                hint: "say what is wrong: \(node.name) \"some message\"")
        }
        let words = node.words(diagnostics)
        let isOneQuotedWord = words.count == 1 && words[0].isQuoted
        diagnostics.error(isOneQuotedWord ? words[0].text : node.arguments.configText, at: node.location)
    }

    private func include(_ node: ConfigNode, isOptional: Bool, into target: ConfigNode) {
        guard let word = onlyWord(of: node, meaning: "a path, which may hold wildcards") else { return }
        guard !word.bytes.isEmpty else {
            return diagnostics.error("\(node.name) names no file", at: word.location, hint: "give a path")
        }
        do throws(SourceReadFailure) {
            let glob = IncludeGlob(isOptional: isOptional)
            for path in try glob.files(for: delegate.resolve(word.text)) {
                include(path, isOptional: isOptional, from: node, into: target)
            }
        } catch {
            diagnostics.error(error.message, at: node.location, hint: error.hint)
        }
    }

    /// The one word that a directive takes; nil after a message.
    private func onlyWord(of node: ConfigNode, meaning: String) -> Word? {
        let words = node.words(diagnostics)
        guard words.count == 1 else {
            diagnostics.error(
                "\(node.name) takes one argument, \(meaning), but \(words.count) words are given",
                at: node.location,
                hint: words.isEmpty ? nil : "quote an argument that holds spaces, or use a line for each")
            return nil
        }
        return words[0]
    }
}

extension DirectiveEntry {
    /// What is executed while the configuration is read, for lists of directives: it stands in no table.
    static var whileReading: [DirectiveEntry] {
        let anywhere = APUS_IN_SERVER | CoreDirectives.inSections
        func entry(_ name: String, _ help: String, in places: UInt32) -> DirectiveEntry {
            DirectiveEntry(
                name: name, minArguments: 0, maxArguments: APUS_MANY, places: places, overrideClass: places & APUS_IN_HTACCESS != 0 ? CoreDirectives.anyOverride : 0,
                flags: 0, shape: name.hasPrefix("If") || name == "Macro" ? APUS_SHAPE_SECTION : APUS_SHAPE_ARGS, help: help, action: .core { _, _ in })
        }
        return [
            entry("Define", "a name and a value for ${NAME} and <IfDefine>", in: anywhere),
            entry("UnDefine", "a name that is forgotten", in: anywhere),
            entry("Error", "a mistake of your own, in these words", in: anywhere | APUS_IN_HTACCESS),
            entry("Include", "a file, a directory or a pattern", in: anywhere),
            entry("IncludeOptional", "a file, a directory or a pattern, which may be absent", in: anywhere),
            entry("LoadFile", "libraries that modules need", in: APUS_IN_SERVER), entry("LoadModule", "a module's name and its file", in: APUS_IN_SERVER),
            entry("ServerRoot", "the directory where relative paths begin", in: APUS_IN_GLOBAL),
            entry("Macro", "a name, and parameters that its uses give values", in: anywhere | APUS_IN_HTACCESS),
            entry("UndefMacro", "a macro that is forgotten", in: anywhere | APUS_IN_HTACCESS),
            entry("Use", "a macro and its values", in: anywhere | APUS_IN_HTACCESS),
            entry("IfDefine", "[!]name of a definition", in: anywhere | APUS_IN_HTACCESS),
            entry("IfDirective", "[!]name of a directive", in: anywhere | APUS_IN_HTACCESS),
            entry("IfFile", "[!]path", in: anywhere | APUS_IN_HTACCESS),
            entry("IfModule", "[!]name or source file of a module", in: anywhere | APUS_IN_HTACCESS),
            entry("IfSection", "[!]name of a section", in: anywhere | APUS_IN_HTACCESS),
            entry("IfVersion", "[!] operator and version of httpd", in: anywhere | APUS_IN_HTACCESS),
        ]
    }
}
