/// `apus module new`: a module that works, to be changed into one's own.
enum NewModule {
    private static let languages = ["c", "swift", "rust"]
    private static let usage = """
        Usage: apus module new NAME [--lang c|swift|rust] [DIRECTORY]

        Makes DIRECTORY (NAME in the working directory unless given) with a module that answers requests and has a
        directive, a build file, a test and a README. The language is C unless given.

        """

    static func run(_ arguments: [String]) throws -> Int32 {
        let words = try Words(arguments, valued: ["--lang"], usage: usage)
        guard let name = words.plain.first, words.plain.count <= 2 else { throw Problem(usage, status: Problem.usage) }
        let language = words.values["--lang"] ?? "c"
        guard languages.contains(language) else {
            throw Problem("--lang \(language): it is one of \(languages.joined(separator: ", "))", status: Problem.usage)
        }
        let short = try shortName(name)
        let directory = words.plain.count > 1 ? words.plain[1] : short
        guard !Files.exists(directory) || (Files.isDirectory(directory) && Files.names(in: directory).isEmpty) else {
            throw Problem("\(directory) exists already; name another directory")
        }
        try make(short, language, directory)
        say("""
            \(directory) holds \(short)_module, in \(language == "c" ? "C" : language == "swift" ? "Swift" : "Rust"). Next:
              cd \(directory)
              make test       builds it, and asks a server that serves with it
              make install    puts it into \(Installation.modules)

            """)
        return 0
    }

    /// "greet" for "greet", "mod_greet" and "greet_module".
    private static func shortName(_ name: String) throws -> String {
        var short = Substring(name)
        if short.hasPrefix("mod_") { short = short.dropFirst(4) }
        if short.hasSuffix("_module") { short = short.dropLast(7) }
        let bytes = Array(short.utf8)
        guard let first = bytes.first, (0x61...0x7a).contains(first),
            bytes.allSatisfy({ (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5f })
        else {
            throw Problem("\"\(name)\" is no name for a module: it begins with a letter, and letters (a to z), digits and _ follow")
        }
        return String(short)
    }

    /// Fills in the template. @NAME@ is the name, @Name@ the same as a type or the begin of a directive.
    private static func make(_ name: String, _ language: String, _ directory: String) throws {
        let template = "\(Installation.sdk)/templates/\(language)"
        let common = "\(Installation.sdk)/templates/common"
        let title = name.split(separator: "_").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
        let replacements = [("@NAME@", name), ("@Name@", title), ("@APUS@", Installation.root)]
        func filled(_ text: String) -> String {
            replacements.reduce(text) { replace($1.0, by: $1.1, in: $0) }
        }
        for source in [common, template] {
            let files = Files.all(below: source)
            guard !files.isEmpty else { throw Problem("the template \(source) is missing") }
            for file in files {
                let target = Path.join(directory, filled(file))
                try Files.makeDirectory(Path.directory(target))
                try Files.put(filled(try Files.text(Path.join(source, file))), target)
            }
        }
    }

    static func replace(_ mark: String, by value: String, in text: String) -> String {
        let (mark, value) = (Array(mark.utf8), Array(value.utf8))
        var rest = Array(text.utf8)[...]
        var made: [UInt8] = []
        while let byte = rest.first {
            if rest.starts(with: mark) {
                made += value
                rest = rest.dropFirst(mark.count)
            } else {
                made.append(byte)
                rest = rest.dropFirst()
            }
        }
        return String(decoding: made, as: UTF8.self)
    }
}
