import Glibc

/// The version of httpd that this server presents itself as to `<IfVersion>`.
struct ServerVersion: CustomStringConvertible {
    /// The release whose configuration this server reads.
    static let presented = ServerVersion(major: 2, minor: 4, patch: 71)

    let major: Int
    let minor: Int
    let patch: Int
    /// What a vendor adds, seen by patterns only.
    var suffix = ""

    var description: String { "\(major).\(minor).\(patch)\(suffix)" }
}

/// The test of an `<IfVersion [op] version>` section.
///
/// The operators are `=` (also `==`, and the default), `<`, `<=`, `>`, `>=` and `~`, each with `!` before it
/// for the opposite. `=` with a pattern between slashes and `~` with a bare pattern search the version string.
struct VersionTest {
    struct Failure: Error {
        let message: String
        let hint: String
    }

    private enum Criterion {
        case compared(with: [Int], holds: (Int) -> Bool)
        case matching(String)
    }

    private let criterion: Criterion
    private let isReversed: Bool

    init(_ words: [Word]) throws(Failure) {
        guard let last = words.last, words.count <= 2 else {
            throw Failure(
                message: "<IfVersion> takes an operator and a version, but \(words.count) words are given",
                hint: "write for example <IfVersion >= 2.4>")
        }
        var sign = words.count == 2 ? words[0].text[...] : "="
        isReversed = sign.count > 1 && sign.hasPrefix("!")
        if isReversed { sign.removeFirst() }
        criterion = try Self.criterion(String(sign), last.text)
    }

    /// Whether the test holds for a version; nil if its pattern cannot be compiled.
    ///
    /// - Parameter matches: tells whether a pattern matches a text, nil if it is no pattern.
    func holds(for version: ServerVersion, matches: (String, String) -> Bool?) -> Bool? {
        let result: Bool?
        switch criterion {
        case .compared(let other, let holds):
            result = holds(Self.order([version.major, version.minor, version.patch], other))
        case .matching(let pattern):
            result = matches(pattern, version.description)
        }
        return result.map { $0 != isReversed }
    }

    private static func criterion(_ sign: String, _ operand: String) throws(Failure) -> Criterion {
        switch sign {
        case "=" where operand.hasPrefix("/"), "==" where operand.hasPrefix("/"):
            .matching(try patternBetweenSlashes(operand))
        case "~": .matching(operand)
        case "=", "==": .compared(with: try numbers(operand)) { $0 == 0 }
        case "<": .compared(with: try numbers(operand)) { $0 < 0 }
        case "<=": .compared(with: try numbers(operand)) { $0 <= 0 }
        case ">": .compared(with: try numbers(operand)) { $0 > 0 }
        case ">=": .compared(with: try numbers(operand)) { $0 >= 0 }
        default:
            throw Failure(
                message: "<IfVersion> has no operator \"\(sign)\"",
                hint: "the operators are = == < <= > >= and ~, each with ! before it for the opposite")
        }
    }

    private static func patternBetweenSlashes(_ operand: String) throws(Failure) -> String {
        guard operand.utf8.count > 1, operand.hasSuffix("/") else {
            throw Failure(
                message: "the pattern \(operand) of <IfVersion> has no / at its end",
                hint: "write /PATTERN/ after =, or PATTERN alone after ~")
        }
        return String(operand.dropFirst().dropLast())
    }

    /// Up to three numbers; missing and empty ones are 0.
    private static func numbers(_ text: String) throws(Failure) -> [Int] {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let numbers = parts.map { part in
            part.isEmpty ? 0 : part.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(part) : nil
        }
        guard parts.count <= 3, parts.first?.isEmpty == false, !numbers.contains(nil) else {
            throw Failure(
                message: "\"\(text)\" is not a version",
                hint: "write up to three numbers with dots, and a space after the operator: >= 2.4")
        }
        return (numbers.compactMap { $0 } + [0, 0]).prefix(3).map { $0 }
    }

    private static func order(_ left: [Int], _ right: [Int]) -> Int {
        left == right ? 0 : left.lexicographicallyPrecedes(right) ? -1 : 1
    }
}

/// POSIX extended patterns, with the `\d` that httpd's users expect.
enum PosixPattern {
    /// Whether the pattern is found in the text; nil if it is no pattern.
    static func matches(_ pattern: String, _ text: String) -> Bool? {
        var compiled = regex_t()
        guard regcomp(&compiled, withDigitClass(pattern), REG_EXTENDED | REG_NOSUB) == 0 else { return nil }
        defer { regfree(&compiled) }
        return regexec(&compiled, text, 0, nil, 0) == 0
    }

    private static func withDigitClass(_ pattern: String) -> String {
        var result = ""
        var characters = pattern.makeIterator()
        while let character = characters.next() {
            guard character == "\\", let hidden = characters.next() else {
                result.append(character)
                continue
            }
            result += hidden == "d" ? "[0-9]" : "\\\(hidden)"
        }
        return result
    }
}
