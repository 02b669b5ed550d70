import ModuleABI

/// A directive as the dispatcher knows it, whoever owns it.
struct DirectiveEntry {
    enum Action {
        case core((DirectiveContext, [Word]) throws(DirectiveProblem) -> Void)
        case module(LoadedModule, UnsafePointer<apus_directive>)
    }

    let name: String
    let minArguments: UInt32
    let maxArguments: UInt32
    let places: UInt32
    let overrideClass: UInt32
    let flags: UInt32
    let shape: UInt32
    let help: String
    let action: Action

    var isSection: Bool { shape == APUS_SHAPE_SECTION }
}

/// Why a directive is wrong; the dispatcher adds the place.
struct DirectiveProblem: Error {
    let message: String
    let hint: String?
    /// Nil: the directive as a whole.
    let location: SourceLocation?

    init(_ message: String, hint: String? = nil, at location: SourceLocation? = nil) {
        self.message = message
        self.hint = hint
        self.location = location
    }
}

/// All directives that can be used now, by name.
struct DirectiveTable {
    private var entries: [String: DirectiveEntry] = [:]
    private var sections: [String: DirectiveEntry] = [:]

    init(_ all: [DirectiveEntry] = []) {
        for entry in all { add(entry) }
    }

    var names: [String] { entries.values.map(\.name) }
    var sectionNames: [String] { sections.values.map(\.name) }
    var all: [DirectiveEntry] { Array(entries.values) + Array(sections.values) }

    func find(_ name: String, isSection: Bool) -> DirectiveEntry? {
        (isSection ? sections : entries)[name.asciiLowered]
    }

    func find(_ node: ConfigNode) -> DirectiveEntry? { (node.isSection ? sections : entries)[node.key] }

    mutating func add(_ entry: DirectiveEntry) {
        let key = entry.name.asciiLowered
        if entry.isSection { sections[key] = entry } else { entries[key] = entry }
    }

    /// Adds a module's rows. Returns the names that another module has already.
    mutating func add(_ module: LoadedModule) -> [String] {
        var taken: [String] = []
        for row in module.directives {
            guard let name = row.pointee.name else { continue }
            let text = String(cString: name)
            // Sections are written `<Name` in a row, or plain with the shape saying so.
            let plain = text.hasPrefix("<") ? String(text.dropFirst()) : text
            if find(plain, isSection: row.pointee.shape == APUS_SHAPE_SECTION) != nil { taken.append(plain) }
            add(
                DirectiveEntry(
                    name: plain, minArguments: row.pointee.min_args, maxArguments: row.pointee.max_args,
                    places: row.pointee.where, overrideClass: row.pointee.override_class, flags: row.pointee.flags,
                    shape: row.pointee.shape, help: row.pointee.help.map { String(cString: $0) } ?? "",
                    action: .module(module, row)))
        }
        return taken
    }
}
