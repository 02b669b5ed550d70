/// A directive or a section of the configuration, as it stands in the tree that is kept for ever.
final class ConfigNode {
    /// The name as written, a section's without `<` and `>`.
    let name: String
    /// The name as it is looked up.
    let key: String
    /// The rest of the line with its variables filled in; a section's without the closing `>`.
    let text: SourceText
    /// Where the name stands; for a section, its `<`.
    let location: SourceLocation
    let isSection: Bool
    private(set) weak var parent: ConfigNode?
    private(set) var children: [ConfigNode] = []

    init(name: String, text: SourceText, location: SourceLocation, isSection: Bool, parent: ConfigNode?) {
        self.name = name
        key = name.asciiLowered
        self.text = text
        self.location = location
        self.isSection = isSection
        self.parent = parent
    }

    /// Makes the root of a tree, a nameless section.
    convenience init(rootOf file: SourceFile) {
        self.init(
            name: "", text: SourceText(file: file), location: SourceLocation(file: file), isSection: true,
            parent: nil)
    }

    /// The raw rest of the line.
    var arguments: [UInt8] { text.bytes }

    /// The name as it is shown in messages, `Name` or `<Name>`.
    var displayName: String { isSection ? "<\(name)>" : name }

    /// Splits the arguments into words; a doubtful one is reported.
    func words(_ diagnostics: Diagnostics) -> [Word] { text.words(diagnostics) }

    func append(_ child: ConfigNode) {
        child.parent = self
        children.append(child)
    }
}
