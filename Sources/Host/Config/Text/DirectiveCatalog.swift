/// All directives and sections of httpd and its modules, for advice about names that nobody here knows.
struct DirectiveCatalog {
    struct Entry {
        let name: String
        let isSection: Bool
        /// The module without `mod_` and `_module`; `core` for what is always there.
        let owner: String

        var displayName: String { isSection ? "<\(name)>" : name }

        /// How to get the directive; nil if it needs no module.
        var remedy: String? {
            guard owner != "core" else { return nil }
            return "\"\(displayName)\" is provided by \(owner)_module: "
                + "add \"LoadModule \(owner)_module modules/mod_\(owner).so\""
        }
    }

    static let shared = DirectiveCatalog(table: table)

    private let entries: [String: Entry]

    /// Reads a table of `owner: Directive <Section …`; an owner's list may take several lines.
    init(table: String) {
        var entries: [String: Entry] = [:]
        var owner = ""
        for line in table.split(separator: "\n") {
            for word in line.split(separator: " ") {
                if word.hasSuffix(":") {
                    owner = String(word.dropLast())
                    continue
                }
                let isSection = word.hasPrefix("<")
                let name = String(isSection ? word.dropFirst() : word)
                entries[Self.key(name, isSection)] = Entry(name: name, isSection: isSection, owner: owner)
            }
        }
        self.entries = entries
    }

    /// The directive or section of that name, whatever its case.
    func entry(_ name: String, isSection: Bool) -> Entry? {
        entries[Self.key(name, isSection)]
    }

    /// What to tell somebody who used a name that nothing loaded provides.
    ///
    /// - Parameter known: the names of the same kind that can be used now; they are preferred as suggestions.
    func advice(for name: String, isSection: Bool, known: some Sequence<String>) -> String? {
        if let entry = entry(name, isSection: isSection) {
            return entry.remedy
                ?? "\"\(entry.displayName)\" belongs to httpd's core, but this server does not have it"
        }
        if let entry = entry(name, isSection: !isSection) {
            return entry.isSection
                ? "\(entry.name) is a section: write <\(entry.name) …> and end it with </\(entry.name)>"
                : "\(entry.name) is a directive, not a section: write it without < and >"
        }
        return suggestion(for: name, isSection: isSection, known: known)
    }

    private func suggestion(for name: String, isSection: Bool, known: some Sequence<String>) -> String? {
        let known = known.sorted()
        let others = entries.values.filter { $0.isSection == isSection }.map(\.name).sorted()
        guard let nearest = EditDistance.nearest(to: name, in: known + others) else { return nil }
        let question = "did you mean \"\(isSection ? "<\(nearest)>" : nearest)\"?"
        guard !known.contains(where: { $0.isSameName(as: nearest) }),
            let remedy = entry(nearest, isSection: isSection)?.remedy
        else { return question }
        return "\(question) \(remedy)"
    }

    private static func key(_ name: String, _ isSection: Bool) -> String {
        (isSection ? "<" : "") + name.asciiLowered
    }
}
