import ElfKit
import Glibc
import ModuleABI

/// `apus module install`: into modules/, where a server that runs keeps the file it has.
enum InstallModule {
    private static let usage = """
        Usage: apus module install [--activate] [--config FILE] [FILE…]

        Puts each FILE (every mod_*.so of the working directory unless given) into \(Installation.modules)
        by rename and shows its LoadModule line. --activate writes the line into FILE
        (\(Installation.configuration) unless given). When the server refuses its configuration then,
        which it took before, the file and the line are taken back.

        """

    static func run(_ arguments: [String]) throws -> Int32 {
        let words = try Words(arguments, valued: ["--config"], flags: ["--activate"], usage: usage)
        var files = words.plain
        if files.isEmpty { files = Files.names(in: ".").filter { $0.hasPrefix("mod_") && $0.hasSuffix(".so") } }
        guard !files.isEmpty else { throw Problem("there is no mod_*.so here: build the module first", status: Problem.usage) }
        let configuration = words.values["--config"] ?? Installation.configuration
        for file in files {
            let line = try install(file) { if words.flags.contains("--activate") { try activate($0, in: configuration) } }
            say("installed \(Installation.modules)/\(Path.last(file))\n\(line)\n")
        }
        return 0
    }

    /// Puts a module into its place and does what else is wanted with its LoadModule line. When the server refuses its
    /// configuration then, which it took before, everything is put back.
    /// - Returns: the line.
    static func install(_ file: String, thenDo edit: (_ line: String) throws -> Void) throws -> String {
        let module = try ModuleFile(file)
        guard module.hasEntry else { throw Problem("\(file) exports no apus_module_entry, so it is no module") }
        let name = try module.nameOrAsk()
        let target = "\(Installation.modules)/\(Path.last(file))"
        if let other = try? ModuleFile(target).nameOrAsk(), other != name {
            throw Problem("\(target) is the file of \(other): give the one of \(name) another name")
        }
        let wasTaken = try isConfigurationTaken()
        let before = [target, Installation.configuration].map { KeptFile($0) }
        try Files.makeDirectory(Installation.modules)
        try Files.put(try Files.read(file), target, mode: 0o755)
        let line = "LoadModule \(name) modules/\(Path.last(file))"
        do {
            try edit(line)
            switch wasTaken {
            case true?:
                guard try isConfigurationTaken(tells: true) != false else {
                    throw Problem("the server refuses its configuration with \(Path.last(file)); everything is as it was")
                }
            case false?:
                complain("note: the server refuses its configuration as it is (see `apus -t`), so \(name) has not been tried with it\n")
            case nil: break
            }
        } catch {
            for file in before { try file.putBack() }
            throw error
        }
        return line
    }

    /// Whether the server takes the configuration that it is started with; nil: there is none to ask about.
    /// - Parameter tells: shows what the server says.
    private static func isConfigurationTaken(tells: Bool = false) throws -> Bool? {
        guard Files.exists(Installation.server), Files.exists(Installation.configuration) else { return nil }
        let silence = open("/dev/null", O_WRONLY | O_CLOEXEC)
        defer { close(silence) }
        let test = try Programs.start([Installation.server, "-t", "-d", Installation.root], output: tells ? -1 : silence)
        return Programs.wait(test) == 0
    }

    /// A file as it was.
    private struct KeptFile {
        private let path: String
        private let content: [UInt8]?
        private var info = stat()

        init(_ path: String) {
            self.path = path
            content = stat(path, &info) == 0 ? try? Files.read(path) : nil
        }

        func putBack() throws {
            guard let content else {
                unlink(path)
                return
            }
            guard (try? Files.read(path)) != content else { return }
            try Files.put(content, path, mode: info.st_mode & 0o777)
            _ = chown(path, info.st_uid, info.st_gid)
        }
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
