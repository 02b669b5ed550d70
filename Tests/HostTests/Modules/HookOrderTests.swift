import ModuleABI
import Testing

@testable import Host

struct SignatureTests {
    @Test(arguments: ["i(xR)", "v(x)", "s(xR)", "v(xC)", "i(x<socache.hints/1>s)", "I(xuUdTPBSp)", "d()"])
    func acceptsWhatIsOne(_ text: String) { #expect(Signature(text) != nil) }

    @Test(arguments: ["", "i", "i(", "i(x", "ix)", "i(z)", "i(v)", "(x)", "i(<>)", "i(<a)", "i(x) "])
    func refusesWhatIsNone(_ text: String) { #expect(Signature(text) == nil) }
}

struct HookOrderTests {
    private func module(_ name: String) -> LoadedModule {
        LoadedModule(index: 1, name: name, version: "1", file: "", toolchain: "c", location: nil)
    }

    private func registration(_ name: String, _ position: Int32, after: [String] = [], before: [String] = []) -> Hook.Registration {
        Hook.Registration(
            module: module(name), position: position, after: after, before: before, flags: 0, fn: nil, ctx: nil)
    }

    private func order(_ registrations: [Hook.Registration]) -> [String]? {
        try? HookOrder.sorted(registrations).map(\.module.name)
    }

    @Test func positionsComeFirstThenNames() {
        let registrations = [registration("c", 10), registration("b", 0), registration("a", 10), registration("d", -10)]
        #expect(order(registrations) == ["d", "b", "a", "c"])
    }

    @Test func theOrderOfLoadingDoesNotMatter() {
        let registrations = [
            registration("a", 10, after: ["c"]), registration("b", 10, before: ["a"]), registration("c", 10),
            registration("d", 0), registration("e", 20),
        ]
        let expected = order(registrations)
        #expect(expected == ["d", "b", "c", "a", "e"])
        for shift in 1..<registrations.count {
            let rotated = Array(registrations[shift...] + registrations[..<shift])
            #expect(order(rotated) == expected)
        }
        #expect(order(registrations.reversed()) == expected)
    }

    @Test func absentModulesAreIgnored() {
        #expect(order([registration("a", 10, after: ["nobody"]), registration("b", 10, before: ["none"])]) == ["a", "b"])
    }

    @Test func aCycleIsNamed() {
        let registrations = [registration("a", 10, after: ["b"]), registration("b", 10, after: ["a"])]
        #expect(throws: HookOrder.Cycle.self) { try HookOrder.sorted(registrations) }
    }

    @Test func anEdgeAgainstThePositionsIsACycle() {
        let registrations = [registration("a", 0, after: ["b"]), registration("b", 10)]
        #expect(throws: HookOrder.Cycle.self) { try HookOrder.sorted(registrations) }
    }
}
