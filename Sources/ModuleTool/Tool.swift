import Glibc

/// One program under two names: `apus module COMMAND`, and apxs for build systems that expect that.
enum Tool {
    private static let usage = """
        Usage: apus module COMMAND [arguments]

          new NAME [--lang c|swift|rust] [DIRECTORY]  begin a module: source, build file, test and README
          build [DIRECTORY]                           build the module in a directory: leaves mod_NAME.so there
          check FILE…                                 try a module in a strict host and say what is wrong with it
          run [--config FILE] FILE… [-- COMMAND]      serve with just these modules on a free port
          install [--activate] FILE…                  put modules into modules/ and show their LoadModule lines
          list                                        list the modules of this installation
          info FILE…                                  tell what a file holds without running it
          describe FILE…                              write into a file what info tells; build has done so

        apus module COMMAND --help tells more.

        """

    static func run(_ words: [String]) -> Int32 {
        let name = Path.last(words.first ?? "")
        let arguments = Array(words.dropFirst())
        do {
            if name == "apxs" { return try Apxs.run(arguments) }
            return try run(arguments.first, Array(arguments.dropFirst()))
        } catch let problem as Problem {
            complain("\(name == "apxs" ? name : "apus module"): \(problem.message)\n")
            return problem.status
        } catch {
            complain("apus module: \(error)\n")
            return Problem.failure
        }
    }

    private static func run(_ command: String?, _ arguments: [String]) throws -> Int32 {
        switch command {
        case "new": return try NewModule.run(arguments)
        case "build": return try BuildModule.run(arguments)
        case "check": return try CheckModule.run(arguments)
        case "run": return try RunModule.run(arguments)
        case "install": return try InstallModule.run(arguments)
        case "list": return try ListModules.run(arguments)
        case "info": return try ModuleInfo.run(arguments)
        case "describe": return try ModuleNote.run(arguments)
        case "help", "--help", "-h":
            say(usage)
            return 0
        case let other?: throw Problem("there is no command \(other); apus module help lists them", status: Problem.usage)
        case nil:
            complain(usage)
            return Problem.usage
        }
    }
}

/// Why a command gives up.
struct Problem: Error {
    static let failure: Int32 = 1
    static let usage: Int32 = 2

    let message: String
    let status: Int32

    init(_ message: String, status: Int32 = Problem.failure) {
        self.message = message
        self.status = status
    }
}

func say(_ text: String) { write(text, to: STDOUT_FILENO) }

func complain(_ text: String) { write(text, to: STDERR_FILENO) }

private func write(_ text: String, to descriptor: Int32) {
    var text = text
    text.withUTF8 { bytes in
        var rest = UnsafeRawBufferPointer(bytes)
        while !rest.isEmpty {
            let written = Glibc.write(descriptor, rest.baseAddress, rest.count)
            guard written > 0 else { return }
            rest = UnsafeRawBufferPointer(rebasing: rest[written...])
        }
    }
}

/// Walks over the arguments of a command: options wherever they stand, everything after `--` left alone.
struct Words {
    private(set) var plain: [String] = []
    private(set) var values: [String: String] = [:]
    private(set) var flags: Set<String> = []
    /// What follows `--`; nil: there is none.
    private(set) var rest: [String]?

    /// - Parameters:
    ///   - valued: options with a value, `flags`: those without.
    ///   - usage: what `--help` prints.
    init(_ arguments: [String], valued: Set<String> = [], flags: Set<String> = [], usage: String) throws {
        var remaining = arguments[...]
        while let word = remaining.popFirst() {
            if word == "--" {
                rest = Array(remaining)
                return
            }
            if word == "--help" || word == "-h" {
                say(usage)
                exit(0)
            }
            guard word.hasPrefix("--") else {
                plain.append(word)
                continue
            }
            let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
            if flags.contains(word) {
                self.flags.insert(word)
            } else if valued.contains(parts[0]) {
                guard let value = parts.count > 1 ? parts[1] : remaining.popFirst() else {
                    throw Problem("\(word) needs a value\n\(usage)", status: Problem.usage)
                }
                values[parts[0]] = value
            } else {
                throw Problem("\(word) is no option of this command\n\(usage)", status: Problem.usage)
            }
        }
    }
}
