/// `apxs`, for build systems that expect httpd's tool: the same options with the same effect, as far as they mean something
/// here.
enum Apxs {
    private static let usage = """
        Usage: apxs -q [NAME…]                       show a value of this installation, or all of them
               apxs -c [-o FILE] [-I DIR] [-D NAME=VALUE] [-l LIB] [-L DIR] [-Wc,FLAG] [-Wl,FLAG] FILE.c…
                                                     compile into mod_NAME.so
               apxs -i [-a|-A] [-n NAME] FILE.so…    install; -a: with its LoadModule line, -A: with one that is commented out
               apxs -e [-a|-A] [-n NAME] FILE.so…    the line alone
        -c and -i can be given together: what was compiled is installed.

        """

    private struct Options {
        var queries = false, compiles = false, installs = false, edits = false, activates = false, comments = false
        var product: String?
        var name: String?
        var compilerFlags: [String] = []
        var linkerFlags: [String] = []
        var operands: [String] = []
    }

    static func run(_ arguments: [String]) throws -> Int32 {
        let options = try parse(arguments)
        if options.queries { return try query(options.operands) }
        var files = options.operands
        if options.compiles { files = [try compile(options)] }
        guard options.compiles || options.installs || options.edits, !files.isEmpty else { throw Problem(usage, status: Problem.usage) }
        guard options.installs || options.edits else { return 0 }
        for file in files {
            // Build systems name the file that libtool would have made.
            let object = file.hasSuffix(".la") ? "\(file.dropLast(3)).so" : file
            func edit(_ line: String) throws {
                var line = line
                if let name = options.name {
                    line = "LoadModule \(name.hasSuffix("_module") ? name : "\(name)_module") modules/\(Path.last(object))"
                }
                if options.activates || options.comments {
                    try InstallModule.activate(line, in: Installation.configuration, commented: !options.activates)
                }
                say("\(line)\n")
            }
            if options.installs {
                _ = try InstallModule.install(object, thenDo: edit)
            } else {
                try edit("LoadModule \(try ModuleFile(object).nameOrAsk()) modules/\(Path.last(object))")
            }
        }
        return 0
    }

    private static func parse(_ arguments: [String]) throws -> Options {
        var options = Options()
        var rest = arguments[...]
        func value(_ word: String, _ letters: Int = 2) throws -> String {
            if word.count > letters { return String(word.dropFirst(letters)) }
            guard let next = rest.popFirst() else { throw Problem("\(word) needs a value", status: Problem.usage) }
            return next
        }
        while let word = rest.popFirst() {
            if word.hasPrefix("-Wc,") {
                options.compilerFlags.append(String(word.dropFirst(4)))
            } else if word.hasPrefix("-Wl,") {
                options.linkerFlags.append(word)
            } else if word.hasPrefix("-S") {
                // Variables of httpd's build, which there are none of.
                _ = try value(word)
            } else if word.hasPrefix("-o") {
                options.product = try value(word)
            } else if word.hasPrefix("-n") {
                options.name = try value(word)
            } else if ["-I", "-D"].contains(word.prefix(2)) {
                options.compilerFlags.append("\(word.prefix(2))\(try value(word))")
            } else if ["-l", "-L"].contains(word.prefix(2)) {
                options.linkerFlags.append("\(word.prefix(2))\(try value(word))")
            } else if word.hasPrefix("-"), word.count > 1 {
                for letter in word.dropFirst() {
                    switch letter {
                    case "q": options.queries = true
                    case "c": options.compiles = true
                    case "i": options.installs = true
                    case "e": options.edits = true
                    case "a": options.activates = true
                    case "A": options.comments = true
                    case "p", "v": break
                    default: throw Problem("there is no option -\(letter)\n\(usage)", status: Problem.usage)
                    }
                }
            } else {
                options.operands.append(word)
            }
        }
        return options
    }

    // MARK: -q

    private static var values: [(name: String, value: String)] {
        let root = Installation.root
        return [
            ("PREFIX", root), ("EXEC_PREFIX", root), ("BINDIR", "\(root)/bin"), ("SBINDIR", "\(root)/bin"),
            ("LIBEXECDIR", Installation.modules), ("INCLUDEDIR", Installation.include), ("SYSCONFDIR", "\(root)/conf"),
            ("DATADIR", root), ("MANDIR", "\(root)/share/man"), ("LOGFILEDIR", "\(root)/logs"), ("HTDOCSDIR", "\(root)/htdocs"),
            ("SBIN", Installation.server), ("PROGNAME", "apus"), ("TARGET", "apus"),
            ("CC", "cc"), ("CFLAGS", "-fPIC -fvisibility=hidden"), ("LDFLAGS", "-shared"), ("EXTRA_INCLUDES", ""),
            ("APR_CONFIG", ""), ("APU_CONFIG", ""),
        ]
    }

    private static func query(_ names: [String]) throws -> Int32 {
        if names.isEmpty {
            for entry in values { say("\(entry.name)=\(entry.value)\n") }
            return 0
        }
        for name in names {
            // httpd's tool takes the lower-case words of its documentation, too.
            guard let entry = values.first(where: { $0.name == name || $0.name.lowercased() == name }) else {
                throw Problem("there is no value \(name); apxs -q lists them")
            }
            say("\(entry.value)\n")
        }
        return 0
    }

    // MARK: -c

    private static func compile(_ options: Options) throws -> String {
        guard let first = options.operands.first else { throw Problem(usage, status: Problem.usage) }
        var product = options.product ?? first
        if let dot = product.lastIndex(of: ".") { product = String(product[..<dot]) }
        if options.product == nil, !Path.last(product).hasPrefix("mod_") {
            let directory = product.contains("/") ? "\(Path.directory(product))/" : ""
            product = "\(directory)mod_\(Path.last(product))"
        }
        product += ".so"
        try BuildModule.compile(options.operands, to: product, extra: options.compilerFlags + options.linkerFlags)
        return product
    }
}
