/// The order of a hook's callbacks: by position, then by after/before edges, then by module name.
///
/// The result never depends on the order of LoadModule lines.
enum HookOrder {
    /// Registrations that each want to come before the next, round and round.
    struct Cycle: Error {
        let modules: [String]

        func describe(_ hook: String) -> String {
            "the order of hook \"\(hook)\" is contradictory: "
                + (modules + modules.prefix(1)).joined(separator: " before ")
                + "; change the positions or the after/before lists of these modules"
        }
    }

    static func sorted(_ registrations: [Hook.Registration]) throws(Cycle) -> [Hook.Registration] {
        var left = registrations.sorted { a, b in
            a.position != b.position ? a.position < b.position : a.module.name < b.module.name
        }
        var ordered: [Hook.Registration] = []
        while !left.isEmpty {
            guard let next = left.firstIndex(where: { candidate in !left.contains { mustPrecede($0, candidate) } }) else {
                throw Cycle(modules: left.map(\.module.name))
            }
            ordered.append(left.remove(at: next))
        }
        return ordered
    }

    /// Whether `a` has to come before `b`: an edge says so, or its position does.
    private static func mustPrecede(_ a: Hook.Registration, _ b: Hook.Registration) -> Bool {
        guard a.module !== b.module else { return false }
        return a.before.contains(b.module.name) || b.after.contains(a.module.name) || a.position < b.position
    }
}
