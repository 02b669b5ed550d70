import Glibc

/// `apus module list`: what lies in modules/, and what of it the configuration loads.
enum ListModules {
    private static let usage = """
        Usage: apus module list [--config FILE]

        Lists the files in \(Installation.modules): module, language, size, and whether FILE
        (\(Installation.configuration) unless given) loads it. Nothing is run.

        """

    static func run(_ arguments: [String]) throws -> Int32 {
        let words = try Words(arguments, valued: ["--config"], usage: usage)
        guard words.plain.isEmpty else { throw Problem(usage, status: Problem.usage) }
        let loaded = loadedFiles((try? Files.text(words.values["--config"] ?? Installation.configuration)) ?? "")
        var rows = [["MODULE", "VERSION", "FILE", "LANGUAGE", "LOADED"]]
        for file in Files.names(in: Installation.modules) where file.hasSuffix(".so") {
            guard let module = try? ModuleFile("\(Installation.modules)/\(file)") else {
                rows.append(["?", "", file, "no module", ""])
                continue
            }
            let description = module.descriptions.first
            let stem = file.split(separator: ".")[0]
            let name = loaded[file]?.name ?? description?.name ?? "\(stem.hasPrefix("mod_") ? stem.dropFirst(4) : stem)_module"
            let language = module.language.rawValue.split(separator: ",")[0]
            rows.append([name, description?.version ?? "", file, String(language), loaded[file] == nil ? "" : "yes"])
        }
        let widths = (0..<5).map { column in rows.map { $0[column].count }.max() ?? 0 }
        for row in rows {
            var line = ""
            for (word, width) in zip(row, widths) { line += word + String(repeating: " ", count: width - word.count + 2) }
            while line.hasSuffix(" ") { line.removeLast() }
            say(line + "\n")
        }
        return 0
    }

    /// The files of LoadModule lines that are in force.
    private static func loadedFiles(_ text: String) -> [String: (name: String, line: Int)] {
        var found: [String: (name: String, line: Int)] = [:]
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let parts = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
            guard parts.count == 3, parts[0].lowercased() == "loadmodule" else { continue }
            found[Path.last(parts[2].filter { $0 != "\"" })] = (String(parts[1]), index + 1)
        }
        return found
    }
}
