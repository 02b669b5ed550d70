/// Reads options as getopt(3) does: letters behind a dash, joined or alone, up to the first other word or "--".
struct OptionCursor {
    private var words: ArraySlice<String>
    private var letters: Substring = ""

    init(_ words: [String]) { self.words = words[...] }

    /// What follows the options.
    var rest: [String] { Array(words) }

    /// The next option, with its value when its letter is in `valued`.
    mutating func next(valued: String) throws -> (option: Character, value: String)? {
        if letters.isEmpty {
            guard let word = words.first, word.count > 1, word.first == "-" else { return nil }
            words.removeFirst()
            guard word != "--" else { return nil }
            letters = word.dropFirst()
        }
        let letter = letters.removeFirst()
        guard valued.contains(letter) else { return (letter, "") }
        defer { letters = "" }
        if !letters.isEmpty { return (letter, String(letters)) }
        guard let value = words.popFirst() else { throw Failure(ExitCode.usage, "-\(letter) needs a value") }
        return (letter, value)
    }
}
