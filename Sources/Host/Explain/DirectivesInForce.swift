import ModuleABI

/// The directives that a request's sections, and the server around them, come to.
struct DirectiveInForce {
    let name: String
    /// Redacted when it is nobody's business.
    let arguments: String
    let location: SourceLocation
    /// The section it stands in; nil: outside all.
    let section: String?
    /// Where a later one of the same name takes its place; nil: it holds.
    var replacedAt: SourceLocation?
}

extension DirectiveInForce {
    /// Those outside all sections, those of the virtual host, then those of the sections, in the order they are merged.
    static func all(_ explanation: Explanation, _ runtime: Runtime) -> [DirectiveInForce] {
        var found: [DirectiveInForce] = []
        func add(_ nodes: [ConfigNode], _ section: String?) {
            for node in nodes where !node.isSection {
                guard let entry = runtime.directiveTable.find(node.name, isSection: false), !isAboutTheServer(entry) else { continue }
                let isSecret = entry.flags & APUS_DIRECTIVE_SECRET != 0
                found.append(
                    DirectiveInForce(
                        name: entry.name, arguments: isSecret ? "(redacted)" : node.arguments.configText, location: node.location,
                        section: section))
            }
        }
        add(flattened(runtime.configuration.tree?.root.children ?? []), nil)
        if let draft = explanation.server?.draft, draft.server.pointee.isVirtual, let location = draft.location,
            let node = node(at: location, in: runtime.configuration.tree?.root.children ?? [])
        {
            add(flattened(node.children), "<VirtualHost \(node.arguments.configText)>")
        }
        for section in explanation.lastSections { add(flattened(section.node?.children ?? []), section.title) }
        markReplaced(&found, runtime)
        return found
    }

    /// Sections that only decide whether their content is read, as <IfModule> does, are no sections of the configuration.
    private static func flattened(_ nodes: [ConfigNode]) -> [ConfigNode] {
        nodes.flatMap { $0.isSection && Runtime.current?.directiveTable.find($0.name, isSection: true) == nil ? flattened($0.children) : [$0] }
    }

    /// Such as Listen, which no request is treated by.
    private static func isAboutTheServer(_ entry: DirectiveEntry) -> Bool {
        entry.places & ~(APUS_IN_GLOBAL) == 0
    }

    private static func hasOneValue(_ entry: DirectiveEntry) -> Bool {
        entry.shape == APUS_SHAPE_FLAG || entry.shape == APUS_SHAPE_ARGS && entry.maxArguments == 1
    }

    private static func node(at location: SourceLocation, in nodes: [ConfigNode]) -> ConfigNode? {
        for node in nodes where node.isSection {
            if node.location.line == location.line, node.location.file === location.file { return node }
            if let inner = self.node(at: location, in: node.children) { return inner }
        }
        return nil
    }

    /// Directives with one value are replaced by the last; of others the later ones say more.
    private static func markReplaced(_ found: inout [DirectiveInForce], _ runtime: Runtime) {
        var last: [String: SourceLocation] = [:]
        for index in found.indices.reversed() {
            let name = found[index].name
            found[index].replacedAt = last[name]
            guard let entry = runtime.directiveTable.find(name, isSection: false), hasOneValue(entry) else { continue }
            last[name] = last[name] ?? found[index].location
        }
    }
}
