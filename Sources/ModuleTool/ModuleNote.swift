import ElfKit
import Glibc

/// What a module says of itself, as text in a section of its file: so that it can be known without running any of it.
///
/// A line for each fact, its words between tabs: `module`, `requires`, `optional`, `directive`.
enum ModuleNote {
    private static let section = ".apus.module"

    private static let usage = """
        Usage: apus module describe FILE…

        Writes what a module says of itself into its FILE, for `apus module info`, where that cannot be read otherwise. The
        module's entry function is run, in a process of its own. `apus module build` does the same.

        """

    static func run(_ arguments: [String]) throws -> Int32 {
        let words = try Words(arguments, usage: usage)
        guard !words.plain.isEmpty else { throw Problem(usage, status: Problem.usage) }
        for file in words.plain { try write(into: file) }
        return 0
    }

    static func read(_ image: ElfImage) -> [ModuleFile.Description] {
        parse(String(decoding: image.content(ofSection: section) ?? [], as: UTF8.self))
    }

    static func parse(_ text: String) -> [ModuleFile.Description] {
        var found: [ModuleFile.Description] = []
        for line in text.split(separator: "\n") {
            let words = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            if words[0] == "module", words.count == 5 {
                found.append(.init(name: words[1], version: words[2], toolchain: words[3], abi: words[4]))
            }
            guard !found.isEmpty else { return [] }
            switch words[0] {
            case "requires": found[found.count - 1].requires = Array(words.dropFirst())
            case "optional": found[found.count - 1].optional = Array(words.dropFirst())
            case "directive" where words.count == 3:
                found[found.count - 1].directives.append(.init(name: words[1], help: words[2]))
            default: break
            }
        }
        return found
    }

    static func text(_ modules: [ModuleFile.Description]) -> String {
        var text = ""
        func line(_ words: [String]) {
            text += words.map { $0.map { $0.isNewline || $0 == "\t" ? " " : String($0) }.joined() }.joined(separator: "\t") + "\n"
        }
        for module in modules {
            line(["module", module.name, module.version, module.toolchain, module.abi])
            if !module.requires.isEmpty { line(["requires"] + module.requires) }
            if !module.optional.isEmpty { line(["optional"] + module.optional) }
            for directive in module.directives { line(["directive", directive.name, directive.help]) }
        }
        return text
    }

    /// Writes the note into a file that cannot be read without it. It runs the module's entry function, in a process of its own.
    /// - Returns: whether there was something to write.
    @discardableResult
    static func write(into path: String) throws -> Bool {
        let module = try ModuleFile(path)
        guard module.hasEntry else { throw Problem("\(path) exports no apus_module_entry, so it is no module") }
        guard module.descriptions.isEmpty else { return false }
        let note = Array(text(try module.askForDescriptions()).utf8)
        guard let bytes = module.image.adding(section: section, note) else { throw Problem("\(path) has no sections to add one to") }
        var info = stat()
        let mode = stat(path, &info) == 0 ? info.st_mode & 0o777 : 0o755
        try Files.put(bytes, path, mode: mode)
        return true
    }
}
