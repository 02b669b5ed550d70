import ElfKit
import Glibc
import ModuleABI

/// `apus module install`: into modules/, where a server that runs keeps the file it has.
enum InstallModule {
    private static let usage = """
        Usage: apus module install [--activate] [--config FILE] [FILE…]

        Puts each FILE (every mod_*.so of the working directory unless given) into \(Installation.modules)
        by rename and shows its LoadModule line. --activate writes the line into FILE
        (\(Installation.configuration) unless given), and takes it back when the server refuses the module.

        """

    static func run(_ arguments: [String]) throws -> Int32 {
        let words = try Words(arguments, valued: ["--config"], flags: ["--activate"], usage: usage)
        var files = words.plain
        if files.isEmpty { files = Files.names(in: ".").filter { $0.hasPrefix("mod_") && $0.hasSuffix(".so") } }
        guard !files.isEmpty else { throw Problem("there is no mod_*.so here: build the module first", status: Problem.usage) }
        let configuration = words.values["--config"] ?? Installation.configuration
        for file in files {
            let line = try install(file)
            if words.flags.contains("--activate") { try activate(line, in: configuration) }
            say("installed \(Installation.modules)/\(Path.last(file))\n\(line)\n")
        }
        return 0
    }

    /// - Returns: its LoadModule line.
    static func install(_ file: String) throws -> String {
        let module = try ModuleFile(file)
        guard module.hasEntry else { throw Problem("\(file) exports no apus_module_entry, so it is no module") }
        let name = try module.nameOrAsk()
        try Files.makeDirectory(Installation.modules)
        try Files.put(try Files.read(file), "\(Installation.modules)/\(Path.last(file))", mode: 0o755)
        return "LoadModule \(name) modules/\(Path.last(file))"
    }

    /// Writes a LoadModule line into a configuration: in place of the one for that module, or behind the last one.
    /// - Parameter commented: so that it does not hold yet.
    static func activate(_ line: String, in configuration: String, commented: Bool = false) throws {
        let before = try Files.text(configuration)
        let after = with(line, in: before, commented: commented)
        guard after != before else { return }
        var info = stat()
        let mode = stat(configuration, &info) == 0 ? info.st_mode & 0o777 : 0o644
        try Files.put(after, configuration, mode: mode)
        if chown(configuration, info.st_uid, info.st_gid) != 0 { complain("note: the owner of \(configuration) changed\n") }
        guard !commented, configuration == Installation.configuration, Files.exists(Installation.server) else { return }
        guard try Programs.run([Installation.server, "-t", "-d", Installation.root]) == 0 else {
            try Files.put(before, configuration, mode: mode)
            throw Problem("the server refuses its configuration with that line; \(configuration) is as it was")
        }
    }

    private static func with(_ line: String, in text: String, commented: Bool) -> String {
        let name = line.split(separator: " ")[1]
        let wanted = commented ? "#\(line)" : line
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        func loads(_ text: String) -> (Substring, isComment: Bool)? {
            let trimmed = text.drop { $0 == " " || $0 == "\t" }
            let rest = trimmed.drop { $0 == "#" || $0 == " " }
            let parts = rest.split(whereSeparator: { $0 == " " || $0 == "\t" })
            guard parts.count == 3, parts[0].lowercased() == "loadmodule" else { return nil }
            return (parts[1], trimmed.hasPrefix("#"))
        }
        if let active = lines.firstIndex(where: { loads($0).map { $0.0 == name && !$0.isComment } ?? false }) {
            if !commented { lines[active] = line }
        } else if let sleeping = lines.firstIndex(where: { loads($0)?.0 == name }) {
            lines[sleeping] = wanted
        } else if let last = lines.lastIndex(where: { loads($0) != nil && !$0.hasPrefix(" ") && !$0.hasPrefix("\t") }) {
            lines.insert(wanted, at: last + 1)
        } else {
            lines.insert(wanted, at: 0)
        }
        return lines.joined(separator: "\n")
    }
}
