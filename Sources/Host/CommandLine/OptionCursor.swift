/// A mistake on the command line.
struct OptionsError: Error, Equatable {
    /// What the process ends with.
    static let exitStatus: Int32 = 1

    let message: String

    init(_ message: String) {
        self.message = message
    }
}

/// Walks over arguments as getopt does: `-tS` is `-t -S`, `-f/path` is `-f /path`, `--` ends the options.
struct OptionCursor {
    private var arguments: ArraySlice<String>
    /// The letters of the argument at hand that have not been read.
    private var letters: Substring = ""
    private var current: Character = "-"

    init(_ arguments: [String]) {
        self.arguments = arguments[...]
    }

    /// The letter of the next option; nil at the end.
    mutating func next() throws(OptionsError) -> Character? {
        if letters.isEmpty {
            guard let argument = arguments.popFirst() else { return nil }
            letters = try Self.letters(of: argument)
            guard !letters.isEmpty else { return try end() }
        }
        current = letters.removeFirst()
        return current
    }

    /// The value of the option at hand: the rest of its argument, or the next argument.
    mutating func value() throws(OptionsError) -> String {
        if !letters.isEmpty {
            defer { letters = "" }
            return String(letters)
        }
        guard let value = arguments.popFirst(), !value.isEmpty else {
            throw OptionsError("-\(current) needs a value")
        }
        return value
    }

    /// The option letters of an argument; none for `--`, which ends the options.
    private static func letters(of argument: String) throws(OptionsError) -> Substring {
        switch argument {
        case "--": return ""
        case "--version": return "v"
        case "--help": return "h"
        case "--json": return "j"
        default: break
        }
        guard argument.hasPrefix("-"), argument.count > 1 else {
            throw OptionsError("\"\(argument)\" is no option: options begin with -")
        }
        guard !argument.hasPrefix("--") else {
            throw OptionsError("unknown option \(argument): options are single letters")
        }
        return argument.dropFirst()
    }

    private func end() throws(OptionsError) -> Character? {
        guard let stray = arguments.first else { return nil }
        throw OptionsError("\"\(stray)\" is not expected: everything is given with options")
    }
}
