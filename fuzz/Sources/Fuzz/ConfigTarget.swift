import ByteKit
import Glibc

@testable import Host

/// Configuration text of any kind ends in a tree and in messages, each with a place in the text.
enum ConfigTarget {
    fileprivate static let path = "/dev/shm/apus-fuzz-\(getpid()).conf"

    static func run(_ bytes: Bytes) -> Int32 {
        guard bytes.count <= 8000 else { return -1 }
        InProcessServer.write(path, Array(bytes.buffer))
        read(.server)
        read(.accessFile)
        return 0
    }

    private static func read(_ scope: TreeReader.Scope) {
        let diagnostics = Diagnostics()
        let delegate = Delegate()
        let version = ServerVersion(major: 2, minor: 4, patch: 71)
        let reader = TreeReader(
            settings: .init(version: version, scope: scope, maximumIncludeDepth: 4),
            defines: Defines(names: ["A"]) { $0 == "HOME" ? Array("/root".utf8) : nil }, diagnostics: diagnostics,
            delegate: delegate)
        let tree = reader.read(mainFile: path, before: [], after: [])
        visit(tree.root, diagnostics)
        for found in diagnostics.all { demand((found.location?.line ?? 1) > 0, "a message is about no line") }
        demand(diagnostics.all.isEmpty || !diagnostics.render().isEmpty, "messages say nothing")
    }

    private static func visit(_ node: ConfigNode, _ diagnostics: Diagnostics) {
        _ = node.words(diagnostics)
        for child in node.children { visit(child, diagnostics) }
    }

    private final class Delegate: TreeReaderDelegate {
        func isEarly(_ directive: String) -> Bool { directive.asciiLowered == "loadmodule" }
        func executeEarly(_ node: ConfigNode, _ diagnostics: Diagnostics) { _ = node.words(diagnostics) }
        func isModuleLoaded(_ nameOrFile: String) -> Bool { nameOrFile == "core.c" }
        func knowsDirective(_ name: String) -> Bool { name.asciiLowered == "header" }
        func knowsSection(_ name: String) -> Bool { name.asciiLowered == "directory" }
        /// No path leads out of here.
        func resolve(_ path: String) -> String { path == ConfigTarget.path ? path : "/dev/shm/apus-fuzz-none" }
    }
}
