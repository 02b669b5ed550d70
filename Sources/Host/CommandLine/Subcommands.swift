import Glibc

/// The words that may stand where options do: each a command of its own, with its own arguments.
enum Subcommand: String, CaseIterable {
    case explain, module, rewrite

    /// The command that the arguments name; nil: they are options.
    /// - Throws: for a word that is no command.
    static func named(by arguments: [String]) throws(OptionsError) -> Subcommand? {
        guard let word = arguments.first, !word.hasPrefix("-") else { return nil }
        if let command = Subcommand(rawValue: word) { return command }
        let names = allCases.map(\.rawValue).joined(separator: ", ")
        throw OptionsError("\"\(word)\" is no command: it is one of \(names), or an option, which begins with -")
    }

    /// - Parameter arguments: those after the word.
    /// - Returns: the exit status.
    func run(_ arguments: [String]) -> Int32 {
        switch self {
        case .explain: ExplainCommand.run(arguments)
        case .module: Self.execute("apus-module", arguments)
        case .rewrite: RewriteTestCommand.run(arguments)
        }
    }

    /// Becomes a program of libexec/: what the server itself never needs.
    private static func execute(_ program: String, _ arguments: [String]) -> Int32 {
        let path = "\(Installation().root)/libexec/\(program)"
        var words: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) }
        words.append(nil)
        execv(path, words)
        Program.complain("apus: cannot run \(path): \(systemError(errno))\n")
        return OptionsError.exitStatus
    }
}
