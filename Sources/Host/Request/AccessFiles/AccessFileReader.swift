import ByteKit
import ModuleABI

/// Reads the text of a .htaccess file into a section.
struct AccessFileReader {
    let runtime: Runtime
    /// The server whose request it was found for.
    let server: ServerDraft
    let override: AccessOverride

    /// What came of a text.
    struct Outcome {
        /// Nil: the file says nothing.
        var section: UnsafePointer<Section>?
        /// What is wrong with it, or doubtful; each with its place.
        var errors: [String] = []
        var warnings: [String] = []
    }

    /// - Parameters:
    ///   - directory: where the file lies, with a slash at the end.
    ///   - arena: where everything goes that the section is made of.
    func read(_ text: [UInt8], path: String, directory: Bytes, into arena: Arena.Ref) -> Outcome {
        let diagnostics = Diagnostics()
        let builder = ConfigBuilder(
            runtime, runtime.configuration, diagnostics, directives: runtime.directiveTable, arena: arena)
        let settings = TreeReader.Settings(
            version: ServerVersion.presented, scope: .accessFile, admitsConditional: override.admitsConditional,
            maximumMacroBytes: AccessFile.longest)
        let reader = TreeReader(settings: settings, defines: runtime.defines, diagnostics: diagnostics, delegate: builder)
        reader.macros = runtime.macros
        let tree = reader.read([SourceFile(path: path, bytes: text)])
        let scope = ConfigScope(
            .htaccess, path: arena.copy(directory), server: server, conf: builder.newVector(), access: override)
        builder.walk(tree.root.children, in: scope)
        var outcome = Outcome()
        outcome.errors = describe(diagnostics, .error)
        outcome.warnings = describe(diagnostics, .warning)
        if outcome.errors.isEmpty { outcome.section = section(of: scope, in: arena) }
        if let section = outcome.section { builder.note(section.pointee.id, tree.root) }
        return outcome
    }

    private func section(of scope: ConfigScope, in arena: Arena.Ref) -> UnsafePointer<Section>? {
        let isEmpty = (0..<runtime.modules.count).allSatisfy { scope.conf[$0] == nil } && scope.files.isEmpty && scope.conditions.isEmpty
        guard !isEmpty else { return nil }
        var section = Section(
            id: runtime.configuration.takeSectionID(), match: .prefix, pattern: scope.path,
            depth: Int32(scope.path.buffer.count { $0 == 0x2f }), regex: nil, conf: scope.conf)
        section.files = UnsafeBufferPointer(arena.copy(scope.files))
        section.conditions = UnsafeBufferPointer(arena.copy(scope.conditions))
        section.isAccessFile = true
        return UnsafePointer(arena.new(section))
    }

    /// One line each, a few of them: a file may be wrong in every line.
    private func describe(_ diagnostics: Diagnostics, _ severity: Diagnostic.Severity) -> [String] {
        diagnostics.all.filter { $0.severity == severity }.prefix(12).map { DiagnosticRenderer.line($0) }
    }
}
