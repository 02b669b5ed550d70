import ByteKit
import CSystem
import Glibc
import ModuleABI

/// Makes a configuration of the files: reads the tree, attaches the modules, hands each directive to its owner, merges.
///
/// Errors are collected, never thrown: whoever asked looks at `diagnostics` at the end.
final class ConfigBuilder {
    let runtime: Runtime
    let configuration: Configuration
    let diagnostics: Diagnostics
    /// Where everything goes that directives leave behind.
    let arena: Arena.Ref
    private(set) var directives: DirectiveTable

    /// - Parameters:
    ///   - directives: those that can be used from the beginning; nil: the core's.
    ///   - arena: nil: the configuration's own.
    init(
        _ runtime: Runtime, _ configuration: Configuration, _ diagnostics: Diagnostics, directives: DirectiveTable? = nil,
        arena: Arena.Ref? = nil
    ) {
        self.runtime = runtime
        self.configuration = configuration
        self.diagnostics = diagnostics
        self.arena = arena ?? configuration.arena
        self.directives = directives ?? DirectiveTable(CoreDirectives.all)
    }

    /// Reads everything. The outcome is usable when no errors were found.
    func build(_ file: String, _ options: Options) {
        let defines = Defines()
        // So that a tree that can be moved can name its own directories in sections, whose paths must be absolute.
        defines.define("APUS_ROOT", value: Array(configuration.serverRoot.utf8))
        for name in options.defines { defines.define(name, value: nil) }
        runtime.defines = defines
        let settings = TreeReader.Settings(version: ServerVersion.presented)
        let reader = TreeReader(settings: settings, defines: defines, diagnostics: diagnostics, delegate: self)
        let tree = reader.read(mainFile: file, before: options.directivesBefore, after: options.directivesAfter)
        configuration.tree = tree
        runtime.macros = reader.macros

        attachModules()
        makeMainServer(tree.root)
        walk(tree.root.children, in: scope(of: configuration.main, .server))
        // Directives may have added filters.
        runtime.filters.freeze { report($0, $1) }
        guard !diagnostics.hasErrors else { return }
        finish()
    }

    /// Where sections stand, by their numbers.
    var sectionPlaces: [UInt32: SourceLocation] = [:]

    /// Keeps where a section stands. Not for access files of a server that serves: they come and go.
    func note(_ section: UInt32, _ node: ConfigNode) {
        if arena == configuration.arena || runtime.options.action == .explain { configuration.sectionNodes[section] = node }
    }

    // MARK: Modules

    /// Attaches what was loaded, freezes the order of hooks, and lets modules find each other.
    private func attachModules() {
        CoreModule.attach(runtime)
        ModuleFigures.attach(runtime)
        var failed: Set<Int> = []
        for module in runtime.modules.dropFirst() {
            guard let attach = module.descriptor?.pointee.attach else { continue }
            runtime.attaching = module
            let status = Activity.during(.init(module: module.index, .attaching)) { attach(module.host, &module.ctx) }
            runtime.attaching = nil
            if status < 0 { failed.insert(module.index) }
            // A refusal that the module was told says why.
            guard status < 0, !runtime.refusals.contains(where: { $0.0 === module }) else { continue }
            diagnostics.error(
                "\(module.name) could not be attached: it answers \(status)", at: module.location,
                hint: "what it says about that, if anything, is in the error log or among the messages here")
        }
        for (module, message) in runtime.refusals { report(module, message) }
        runtime.hooks.freeze { if !failed.contains($0.index) { report($0, $1) } }
        HookRunner.runPlain(runtime.hooks[.optionalFnRetrieve])
    }

    private func report(_ module: LoadedModule, _ message: String) {
        diagnostics.error("\(module.name) \(message)", at: module.location)
    }

    // MARK: Servers

    private func makeMainServer(_ root: ConfigNode) {
        let draft = makeServer(isVirtual: false, at: root.location)
        configuration.servers.insert(draft, at: 0)
    }

    func makeServer(isVirtual: Bool, at location: SourceLocation) -> ServerDraft {
        let arena = configuration.arena
        let core = arena.new(CoreServerConf())
        let merged = arena.new(
            MergedConf(identity: 0, vector: newVector(), core: arena.new(CoreDirConf())))
        let server = arena.allocate(Server.self)
        server.initialize(
            to: Server(
                index: Int32(configuration.servers.count), isVirtual: isVirtual, port: 0, name: Bytes(""),
                definedIn: arena.copy(location.file.path), line: Int32(isVirtual ? location.line : 0),
                conf: newVector(), dirConf: merged, core: core))
        let draft = ServerDraft(server, location: location)
        let scope = self.scope(of: draft, isVirtual ? .vhost : .server)
        server.pointee.conf[0] = UnsafeMutableRawPointer(core)
        merged.pointee.vector[0] = UnsafeMutableRawPointer(merged.pointee.core)
        for module in runtime.modules.dropFirst() {
            if !isVirtual || (module.serverConf?.flags ?? 0) & APUS_CONF_INHERITED == 0 { _ = serverConf(of: module, in: scope) }
            // Like a section, a virtual host has one only where a directive says something.
            if !isVirtual { _ = dirConf(of: module, in: scope) }
        }
        return draft
    }

    /// A module's configuration of a server, made when first asked for.
    func serverConf(of module: LoadedModule, in scope: ConfigScope) -> UnsafeMutableRawPointer? {
        let vector = scope.server.server.pointee.conf
        if let existing = vector[module.index] { return existing }
        let made = module.serverConf?.create?(module.ctx, configuration.arena.handle, scope.handle)
        vector[module.index] = made
        return made
    }

    func newVector() -> ConfVector {
        let count = runtime.modules.count
        let vector = arena.allocate(UnsafeMutableRawPointer?.self, count: count)
        vector.initialize(repeating: nil, count: count)
        return vector
    }

    private var serverScopes: [ObjectIdentifier: ConfigScope] = [:]

    func scope(of draft: ServerDraft, _ kind: ConfigScope.Kind) -> ConfigScope {
        if let scope = serverScopes[ObjectIdentifier(draft)] { return scope }
        let scope = ConfigScope(
            kind, path: .none, server: draft, conf: draft.server.pointee.dirConf.pointee.vector)
        serverScopes[ObjectIdentifier(draft)] = scope
        return scope
    }

    /// A module's directory configuration of a scope, made when first asked for.
    func dirConf(of module: LoadedModule, in scope: ConfigScope) -> UnsafeMutableRawPointer? {
        if let existing = scope.conf[module.index] { return existing }
        let made: UnsafeMutableRawPointer?
        if module.index == 0 {
            made = UnsafeMutableRawPointer(arena.new(CoreDirConf()))
        } else {
            made = module.dirConf?.create?(module.ctx, arena.handle, scope.handle)
        }
        scope.conf[module.index] = made
        return made
    }

    // MARK: Directives

    func walk(_ nodes: [ConfigNode], in scope: ConfigScope) {
        for node in nodes { handle(node, in: scope) }
    }

    private func handle(_ node: ConfigNode, in scope: ConfigScope) {
        guard let entry = directives.find(node) else { return reportUnknown(node, scope) }
        if let access = scope.access, !access.admits(entry) { return reportForbidden(node, entry, access) }
        guard entry.places & scope.kind.place != 0 || scope.kind == .htaccess else { return reportMisplaced(node, entry, scope) }
        let context = DirectiveContext(node: node, entry: entry, scope: scope, builder: self)
        if entry.flags & APUS_DIRECTIVE_ONCE != 0, !scope.seen.insert(entry.name).inserted {
            return context.fail(DirectiveProblem("it stands here for the second time; one is allowed"))
        }
        if entry.flags & APUS_DIRECTIVE_DEPRECATED != 0 { context.warn("is deprecated: \(entry.help)") }
        do throws(DirectiveProblem) {
            try DirectiveDispatch.run(context)
        } catch {
            return context.fail(error)
        }
        if scope.limit != nil, !context.asksForLimit, !entry.isSection {
            context.warn("it holds for all methods, although it stands in <Limit>", hint: "put it outside, where its effect shows")
        }
    }

    private func reportUnknown(_ node: ConfigNode, _ scope: ConfigScope) {
        if let access = scope.access {
            if isReadEarly(node.name), !node.isSection { return reportForbidden(node, nil, access) }
            if access.allowed.passesUnknown {
                return diagnostics.warning("unknown directive \(node.displayName) is passed over (AllowOverride Nonfatal)", at: node.location)
            }
        }
        let owner = DirectiveCatalog.shared.entry(node.name, isSection: node.isSection)?.owner
        // Its module was named and could not be loaded: that line has its error already.
        if let owner, runtime.loader.failed.contains("\(owner)_module") { return }
        diagnostics.error("unknown directive \(node.displayName)", at: node.location, hint: advice(node, owner))
    }

    /// A directive in a .htaccess file that may not stand there.
    private func reportForbidden(_ node: ConfigNode, _ entry: DirectiveEntry?, _ access: AccessOverride) {
        let isEverAllowed = entry.map { $0.places & APUS_IN_HTACCESS != 0 && $0.overrideClass != 0 } ?? false
        guard !access.allowed.passesForbidden else {
            return diagnostics.warning("\(node.displayName) is not allowed here and passed over (AllowOverride Nonfatal)", at: node.location)
        }
        diagnostics.error(
            "\(node.displayName) is not allowed here", at: node.location,
            hint: isEverAllowed
                ? "AllowOverride \(AccessOverride.classNames(entry?.overrideClass ?? 0)) for this directory would allow it"
                : "it belongs into the server's own configuration")
    }

    private func advice(_ node: ConfigNode, _ owner: String?) -> String? {
        if let owner, owner != "core", access("\(runtime.loader.ownDirectory)/mod_\(owner).so", R_OK) != 0 {
            return "it belongs to httpd's mod_\(owner), which is not part of this installation of Apus"
        }
        if let owner, runtime.loader.find("\(owner)_module") != nil {
            return "it belongs to \(owner)_module, which is loaded but does not have it in this version"
        }
        let known = node.isSection ? directives.sectionNames : directives.names
        return DirectiveCatalog.shared.advice(for: node.name, isSection: node.isSection, known: known)
    }

    private func reportMisplaced(_ node: ConfigNode, _ entry: DirectiveEntry, _ scope: ConfigScope) {
        let kinds: [ConfigScope.Kind] = [.server, .vhost, .directory, .location, .files]
        let allowed = kinds.filter { entry.places & $0.place != 0 }.map(\.description)
        diagnostics.error(
            "\(node.displayName) is not allowed in \(scope.kind.description)", at: node.location,
            hint: allowed.isEmpty ? nil : "it may stand in: \(allowed.joined(separator: ", "))")
    }
}

extension ConfigBuilder: TreeReaderDelegate {
    func isEarly(_ directive: String) -> Bool {
        switch directive.asciiLowered {
        case "loadmodule", "loadfile", "serverroot": true
        default: false
        }
    }

    func executeEarly(_ node: ConfigNode, _ diagnostics: Diagnostics) {
        let words = node.words(diagnostics)
        switch node.name.asciiLowered {
        case "loadmodule": loadModule(node, words)
        case "loadfile": loadFiles(node, words)
        default: setServerRoot(node, words)
        }
    }

    private func loadModule(_ node: ConfigNode, _ words: [Word]) {
        guard words.count == 2 else {
            return diagnostics.error(
                "LoadModule takes a module's name and its file, but \(words.count) words are given",
                at: node.location, hint: "write LoadModule ssl_module modules/mod_ssl.so")
        }
        guard node.parent?.parent == nil else {
            return diagnostics.error("LoadModule is not allowed in <\(node.parent?.name ?? "")>", at: node.location)
        }
        load(words[0].text, configuration.resolve(words[1].text), at: node.location)
    }

    private func load(_ name: String, _ file: String, at location: SourceLocation) {
        let count = runtime.modules.count
        runtime.loader.load(name, file: file, at: location, diagnostics)
        guard runtime.modules.count > count, let module = runtime.modules.last else { return }
        for name in directives.add(module) {
            diagnostics.error("\(module.name) brings the directive \(name), which is taken already", at: location)
        }
    }

    private func loadFiles(_ node: ConfigNode, _ words: [Word]) {
        for word in words {
            runtime.loader.loadFile(configuration.resolve(word.text), named: word.text, at: word.location, diagnostics)
        }
    }

    private func setServerRoot(_ node: ConfigNode, _ words: [Word]) {
        guard words.count == 1 else {
            return diagnostics.error("ServerRoot takes one path, but \(words.count) words are given", at: node.location)
        }
        let path = configuration.resolve(words[0].text)
        var info = stat()
        guard stat(path, &info) == 0, info.st_mode & S_IFMT == S_IFDIR else {
            return diagnostics.error(
                "ServerRoot: \(path) is not a directory", at: words[0].location, hint: "create it, or correct the path")
        }
        configuration.serverRoot = path
    }

    /// Whether a directive is executed while the configuration is read.
    func isReadEarly(_ directive: String) -> Bool { ReadingDirective(name: directive) != nil || isEarly(directive) }

    func isModuleLoaded(_ nameOrFile: String) -> Bool {
        runtime.loader.isLoaded(nameOrFile) || ["mod_log_config.c", "log_config_module", "mod_logio.c", "logio_module"].contains(nameOrFile)
            && runtime.loader.isTakenForGranted(nameOrFile.hasSuffix(".c") ? "\(nameOrFile.dropFirst(4).dropLast(2))_module" : nameOrFile)
    }

    /// A directive of a module that httpd has built in loads ours.
    func willKeep(_ node: ConfigNode) {
        guard directives.find(node) == nil,
            let owner = DirectiveCatalog.shared.entry(node.name, isSection: node.isSection)?.owner,
            runtime.loader.isTakenForGranted("\(owner)_module")
        else { return }
        diagnostics.notice("\(owner)_module, which Debian's httpd has built in, is loaded for \(node.displayName)", at: node.location)
        load("\(owner)_module", runtime.loader.ownFile("\(owner)_module"), at: node.location)
    }
    func knowsDirective(_ name: String) -> Bool { directives.find(name, isSection: false) != nil || isEarly(name) }
    func knowsSection(_ name: String) -> Bool { directives.find(name, isSection: true) != nil }
    func resolve(_ path: String) -> String { configuration.resolve(path) }
}
