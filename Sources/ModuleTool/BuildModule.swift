import Glibc

/// `apus module build`: the compiler's line for each language, so that nobody has to know it.
enum BuildModule {
    private static let usage = """
        Usage: apus module build [DIRECTORY] [--static-runtime] [--debug]

        Builds what lies in DIRECTORY (the working directory unless given) and leaves mod_NAME.so there:
          Package.swift    swift build; the products named mod_NAME. --static-runtime gives a module its own Swift
                           runtime, so that it fits servers of every compiler's release (it gets 9 MB large)
          Cargo.toml       cargo build; the crate is named mod_NAME
          mod_NAME.c       cc, or c++ for .cc and .cpp; with the other sources beside it if there is one such file
        CC, CXX, CFLAGS, CXXFLAGS, LDFLAGS, LDLIBS, SWIFT, SWIFTFLAGS and CARGO are obeyed.

        """

    static func run(_ arguments: [String]) throws -> Int32 {
        let words = try Words(arguments, flags: ["--static-runtime", "--debug"], usage: usage)
        guard words.plain.count <= 1 else { throw Problem(usage, status: Problem.usage) }
        let directory = words.plain.first ?? "."
        guard Files.isDirectory(directory) else { throw Problem("there is no directory \(directory)") }
        for file in try build(in: directory, isStatic: words.flags.contains("--static-runtime"), isDebug: words.flags.contains("--debug")) {
            say("built \(file)\n")
        }
        return 0
    }

    /// - Returns: the files made.
    static func build(in directory: String, isStatic: Bool = false, isDebug: Bool = false) throws -> [String] {
        let names = Files.names(in: directory)
        if names.contains("Package.swift") { return try buildSwift(directory, isStatic, isDebug) }
        if names.contains("Cargo.toml") { return try buildRust(directory, isDebug) }
        return try buildC(directory, names, isDebug)
    }

    // MARK: Swift

    private static func buildSwift(_ directory: String, _ isStatic: Bool, _ isDebug: Bool) throws -> [String] {
        let kind = isDebug ? "debug" : "release"
        // Without the parts of the runtime that lib/ of a server need not hold, and without the compiler's own search path.
        var line = [variable("SWIFT") ?? "swift", "build", "-c", kind, "-Xswiftc", "-no-toolchain-stdlib-rpath"]
        for module in ["concurrency", "string-processing"] {
            line += ["-Xswiftc", "-Xfrontend", "-Xswiftc", "-disable-implicit-\(module)-module-import"]
        }
        if isStatic { line += ["-Xswiftc", "-static-stdlib"] }
        line += words("SWIFTFLAGS")
        try perform(line, in: directory)
        let products = Path.join(directory, ".build/\(kind)")
        return try collect(Files.names(in: products).filter { $0.hasPrefix("libmod_") && $0.hasSuffix(".so") }, from: products, to: directory)
    }

    // MARK: Rust

    private static func buildRust(_ directory: String, _ isDebug: Bool) throws -> [String] {
        try perform([variable("CARGO") ?? "cargo", "build", "--quiet"] + (isDebug ? [] : ["--release"]), in: directory)
        let target = variable("CARGO_TARGET_DIR") ?? Path.join(directory, "target")
        let products = Path.join(target, isDebug ? "debug" : "release")
        let names = try crateNames(Path.join(directory, "Cargo.toml"))
        let made = Files.names(in: products).filter { $0.hasPrefix("libmod_") && $0.hasSuffix(".so") }
        return try collect(made.filter { names.isEmpty || names.contains(String($0.dropFirst(3).dropLast(3))) }, from: products, to: directory)
    }

    /// The names a manifest gives its package and library: a shared target directory holds products of others, too.
    private static func crateNames(_ manifest: String) throws -> Set<String> {
        var names: Set<String> = []
        for line in try Files.text(manifest).split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1).map { $0.split(whereSeparator: { " \t\"".contains($0) }).joined() }
            if parts.count == 2, parts[0] == "name" { names.insert(NewModule.replace("-", by: "_", in: parts[1])) }
        }
        return names
    }

    // MARK: C and C++

    private static func buildC(_ directory: String, _ names: [String], _ isDebug: Bool) throws -> [String] {
        let sources = names.filter { extensions.contains(suffix($0)) }
        let modules = sources.filter { $0.hasPrefix("mod_") }
        guard !modules.isEmpty else {
            throw Problem("\(directory) holds neither Package.swift nor Cargo.toml nor mod_NAME.c")
        }
        return try modules.map { module in
            let product = "\(module.dropLast(suffix(module).count + 1)).so"
            let parts = modules.count == 1 ? sources : [module]
            try compile(parts, to: "\(product).new\(getpid())", in: directory, isDebug: isDebug)
            let made = Path.join(directory, product)
            guard rename("\(made).new\(getpid())", made) == 0 else { throw Problem("cannot put \(made) in its place") }
            return tidy(made)
        }
    }

    private static let extensions: Set<String> = ["c", "cc", "cpp", "cxx"]

    private static func suffix(_ name: String) -> String {
        guard let dot = name.lastIndex(of: ".") else { return "" }
        return String(name[name.index(after: dot)...])
    }

    /// One call of the compiler for all sources; `extra`: further flags, libraries among them.
    static func compile(
        _ sources: [String], to product: String, in directory: String? = nil, isDebug: Bool = false, extra: [String] = []
    ) throws {
        let isPlus = sources.contains { suffix($0) != "c" }
        var line = [variable(isPlus ? "CXX" : "CC") ?? (isPlus ? "c++" : "cc"), "-shared", "-fPIC", "-fvisibility=hidden", "-g"]
        line += [isDebug ? "-O0" : "-O2", "-Wall", "-Wextra", "-Wno-unused-parameter", "-I\(Installation.include)"]
        // What is missing is said now, and not by the server that is to load it. A sanitizer's parts are in no library.
        if !words("CFLAGS").contains(where: { $0.hasPrefix("-fsanitize") }) { line.append("-Wl,-z,defs") }
        // Libraries follow what needs them.
        let isLibrary = { (word: String) in word.hasPrefix("-l") || word.hasPrefix("-L") }
        line += words(isPlus ? "CXXFLAGS" : "CFLAGS") + extra.filter { !isLibrary($0) } + ["-o", product] + sources
        line += extra.filter(isLibrary) + words("LDFLAGS") + words("LDLIBS")
        try perform(line, in: directory)
    }

    // MARK: Common

    private static func variable(_ name: String) -> String? {
        guard let value = getenv(name), value.pointee != 0 else { return nil }
        return String(cString: value)
    }

    private static func words(_ name: String) -> [String] { variable(name)?.split(separator: " ").map(String.init) ?? [] }

    private static func perform(_ line: [String], in directory: String?) throws {
        let status = try Programs.run(line, in: directory)
        guard status == 0 else { throw Problem("\(line.joined(separator: " "))\n  ended with status \(status)") }
    }

    private static func collect(_ names: [String], from products: String, to directory: String) throws -> [String] {
        guard !names.isEmpty else { throw Problem("nothing named libmod_NAME.so was built in \(products)") }
        return try names.map { name in
            let target = Path.join(directory, String(name.dropFirst(3)))
            try Files.put(try Files.read(Path.join(products, name)), target, mode: 0o755)
            do { try ModuleNote.write(into: target) } catch let problem as Problem { complain("note: \(problem.message)\n") }
            return tidy(target)
        }
    }

    private static func tidy(_ path: String) -> String { path.hasPrefix("./") ? String(path.dropFirst(2)) : path }
}
