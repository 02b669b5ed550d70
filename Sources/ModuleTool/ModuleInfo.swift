import Glibc

/// `apus module info`: what can be known of a file that is not to be trusted yet.
enum ModuleInfo {
    private static let usage = """
        Usage: apus module info [--ask] FILE…

        Tells what a module's file holds without running any of it. A module in Swift or Rust that `apus module build`
        has not made does not tell everything: with --ask its entry function is run, in a process of its own.

        """

    static func run(_ arguments: [String]) throws -> Int32 {
        let words = try Words(arguments, flags: ["--ask"], usage: usage)
        guard !words.plain.isEmpty else { throw Problem(usage, status: Problem.usage) }
        for file in words.plain {
            let module = try ModuleFile(file)
            let asks = words.flags.contains("--ask") && module.hasEntry && module.descriptions.isEmpty
            say(text(module, asks ? try module.askForDescriptions() : module.descriptions))
        }
        return 0
    }

    static func text(_ module: ModuleFile, _ descriptions: [ModuleFile.Description]) -> String {
        let image = module.image
        var text = "\(module.path)\n"
        func row(_ title: String, _ value: String) {
            guard !value.isEmpty else { return }
            // What a file says of itself may be meant for the terminal.
            let plain = String(String.UnicodeScalarView(value.unicodeScalars.map { $0.value < 0x20 || (0x7f..<0xa0).contains($0.value) ? "?" : $0 }))
            text += "  \(title)\(String(repeating: " ", count: max(1, 12 - title.count)))\(plain)\n"
        }
        row("file", "\(image.architecture), \(size(image.size)), \(image.isStripped ? "without symbols" : "with symbols")")
        row("language", module.language.rawValue)
        row("made by", image.compilers.joined(separator: "; "))
        row("needs", image.needed.joined(separator: " "))
        row("looks in", image.searchPaths.joined(separator: ":"))
        row("exports", image.exports.keys.sorted().prefix(8).joined(separator: " ") + (image.exports.count > 8 ? " …" : ""))
        for description in descriptions {
            row("module", "\(description.name) \(description.version), ABI \(description.abi), toolchain \(description.toolchain)")
            row("requires", description.requires.joined(separator: " "))
            row("can use", description.optional.joined(separator: " "))
            for directive in description.directives { row("directive", "\(directive.name): \(directive.help)") }
        }
        if descriptions.isEmpty, module.hasEntry {
            row("module", "describes itself when it is loaded; --ask runs that much of it")
            row("mentions", image.texts(beginning: "apus.").filter { $0.contains("/") }.joined(separator: " "))
        }
        for remark in remarks(module) { row("note", remark) }
        return text
    }

    /// What whoever is to load it should know.
    static func remarks(_ module: ModuleFile) -> [String] {
        let image = module.image
        var found: [String] = []
        if !module.hasEntry { found.append("exports no \(ModuleFile.entryName): no module") }
        let extra = image.exports.keys.filter { $0 != ModuleFile.entryName && !$0.hasPrefix("_") && !["etext", "edata", "end"].contains($0) }
        if module.hasEntry, !extra.isEmpty {
            found.append("exports \(extra.count) further symbol\(extra.count == 1 ? "" : "s"), which may meet those of other modules")
        }
        let ours = image.undefinedSymbols.filter { $0.hasPrefix("apus_") }
        if !ours.isEmpty { found.append("wants \(ours.joined(separator: ", ")) from the server, which exports nothing") }
        for path in image.searchPaths where !path.hasPrefix("$ORIGIN") { found.append("looks for libraries in \(path), which other machines lack") }
        if image.wantsExecutableStack { found.append("wants a stack that can be executed") }
        if image.changesItsCode { found.append("changes its code while it is loaded: build it with -fPIC") }
        return found
    }

    private static func size(_ bytes: Int) -> String {
        bytes < 1_000_000 ? "\((bytes + 500) / 1000) kB" : "\(bytes / 1_000_000).\(bytes / 100_000 % 10) MB"
    }
}
