import Glibc
import Testing

@testable import Host

/// A directory of configuration files of a test, a reader's delegate and what came of reading.
final class ConfigFixture: TreeReaderDelegate {
    let directory: String
    let diagnostics = Diagnostics()
    let defines: Defines
    var loadedModules: Set<String> = ["core.c", "core_module", "mod_so.c", "so_module"]
    private(set) var tree: ConfigTree?
    private(set) var executedEarly: [String] = []
    private var created: [String] = []

    init(defines names: [String] = [], environment: [String: String] = [:]) throws {
        var template = Array("/tmp/apus-config-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        created = [directory]
        defines = Defines(names: names) { environment[$0].map { Array($0.utf8) } }
    }

    deinit {
        for path in created.reversed() { remove(path) }
    }

    /// Writes a file, making the directories above it.
    func write(_ name: String, _ content: some Sequence<UInt8>) throws {
        var parent = directory
        for component in name.split(separator: "/").dropLast() {
            parent += "/" + component
            if mkdir(parent, 0o755) == 0 { created.append(parent) }
        }
        created.append(directory + "/" + name)
        let file = try #require(fopen(directory + "/" + name, "w"))
        let bytes = Array(content)
        #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
        fclose(file)
    }

    func write(_ name: String, _ content: String) throws {
        try write(name, content.utf8)
    }

    /// Makes a symbolic link.
    func link(_ name: String, to target: String) throws {
        try #require(symlink(target, directory + "/" + name) == 0)
        created.append(directory + "/" + name)
    }

    /// Reads the text as the main file and gives the tree as an outline.
    @discardableResult
    func read(
        _ content: String, before: [String] = [], after: [String] = [], scope: TreeReader.Scope = .server
    ) throws -> String {
        try write("main.conf", content)
        let reader = makeReader(scope)
        let tree = reader.read(mainFile: directory + "/main.conf", before: before, after: after)
        self.tree = tree
        return outline
    }

    func makeReader(_ scope: TreeReader.Scope = .server) -> TreeReader {
        // The tables of version tests are written for this release, whatever the server presents.
        let version = ServerVersion(major: 2, minor: 4, patch: 71)
        return TreeReader(
            settings: .init(version: version, scope: scope), defines: defines, diagnostics: diagnostics,
            delegate: self)
    }

    /// The tree on one line: `A x; <S y>{B z}`.
    var outline: String { tree.map { Self.outline($0.root) } ?? "" }

    private static func outline(_ node: ConfigNode) -> String {
        let parts = node.children.map { child in
            let words = ([child.name] + (child.arguments.isEmpty ? [] : [child.arguments.configText]))
                .joined(separator: " ")
            return child.isSection ? "<\(words)>{\(outline(child))}" : words
        }
        return parts.joined(separator: "; ")
    }

    /// The messages as `line: text`, without the directory's name.
    func messages(_ severity: Diagnostic.Severity) -> [String] {
        diagnostics.all.filter { $0.severity == severity }.map { found in
            "\(found.location?.line ?? 0): " + found.message.replacing(directory + "/", with: "")
        }
    }

    var errors: [String] { messages(.error) }

    var warnings: [String] { messages(.warning) }

    func isEarly(_ directive: String) -> Bool {
        ["loadmodule", "serverroot"].contains(directive.asciiLowered)
    }

    func executeEarly(_ node: ConfigNode, _ diagnostics: Diagnostics) {
        executedEarly.append(node.name)
        let words = node.words(diagnostics)
        if node.name.isSameName(as: "LoadModule"), let name = words.first { loadedModules.insert(name.text) }
    }

    func isModuleLoaded(_ nameOrFile: String) -> Bool { loadedModules.contains(nameOrFile) }

    func knowsDirective(_ name: String) -> Bool { ["setenv", "header"].contains(name.asciiLowered) }

    func knowsSection(_ name: String) -> Bool { ["virtualhost", "directory"].contains(name.asciiLowered) }

    func resolve(_ path: String) -> String { path.hasPrefix("/") ? path : directory + "/" + path }
}
