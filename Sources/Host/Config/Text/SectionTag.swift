/// A line that opens or closes a section, taken apart.
struct SectionTag {
    /// The name as written, without `<` or `</`.
    let name: String
    /// Where the tag's `<` stands.
    let location: SourceLocation
    /// What stands between the name and the last `>` of the line.
    let arguments: SourceText
    /// What follows the last `>`.
    let trailing: SourceText
    /// Whether the line has a `>` at all.
    let hasBracket: Bool
    /// Whether the line begins with `</`.
    let isClosing: Bool
    /// Whether white space stands between `<` and the name.
    private let isNameDetached: Bool
    /// Whether anything stands between the name and the `>`.
    private let isBracketDetached: Bool

    /// Takes a line apart; nil if it does not begin with `<`.
    init?(_ line: SourceText) {
        guard line.bytes.first == UInt8(ascii: "<") else { return nil }
        isClosing = line.bytes.hasPrefix("</")
        let afterMark = line[(isClosing ? 2 : 1)..<line.bytes.count]
        let named = afterMark.trimmed
        let nameEnd = named.bytes.firstIndex { $0.isConfigSpace || $0 == UInt8(ascii: ">") }
        let rest = named[(nameEnd ?? named.bytes.count)..<named.bytes.count]

        name = named.bytes[..<(nameEnd ?? named.bytes.count)].configText
        location = line.location
        let bracket = Self.bracket(in: rest, isVersionTest: Conditional(sectionName: name) == .version)
        arguments = rest[0..<(bracket ?? rest.bytes.count)].trimmed
        trailing = rest[(bracket.map { $0 + 1 } ?? rest.bytes.count)..<rest.bytes.count].trimmed
        hasBracket = bracket != nil
        isNameDetached = afterMark.bytes.first?.isConfigSpace ?? false
        isBracketDetached = bracket != 0
    }

    /// Reports what is wrong with the spelling of the tag itself.
    func check(_ diagnostics: Diagnostics) {
        let mark = isClosing ? "</" : "<"
        if isNameDetached {
            diagnostics.error(
                "white space between \(mark) and the section's name", at: location,
                hint: "write \(mark)\(name)")
        } else if !hasBracket {
            diagnostics.error(
                "\(mark)\(name) has no closing >", at: location, hint: "end the line with >")
        } else if isClosing, isBracketDetached {
            diagnostics.error(
                "a closing tag holds nothing but the section's name", at: location, hint: "write </\(name)>")
        } else if !trailing.isEmpty {
            diagnostics.warning(
                "the text after the > of a section is ignored", at: trailing.location,
                hint: "put a comment on a line of its own, and end the section's line with >")
        }
    }

    /// Where the last `>` is that can close the tag. The operator of a version test does not.
    private static func bracket(in rest: SourceText, isVersionTest: Bool) -> Int? {
        guard let last = rest.bytes.lastIndex(of: UInt8(ascii: ">")) else { return nil }
        let isAtEnd = last == rest.bytes.count - 1
        let before = rest[0..<last].trimmed.bytes.configText
        return isVersionTest && !isAtEnd && ["", "!"].contains(before) ? nil : last
    }
}
