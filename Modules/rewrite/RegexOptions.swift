import ModuleKit

extension Pattern {
    /// Whether patterns read now are compiled as they are without RegexDefaultOptions.
    ///
    /// That directive changes what every later pattern means, and nothing tells a module how: an expression that comes
    /// out differently under each option shows it.
    static func hasUsualOptions(in pool: Pool) -> Bool {
        guard let probe = try? Pattern(Bytes("^a .b$"), in: pool) else { return false }
        // The dot matches a newline, and the space is one.
        return probe.matches(Bytes("a \nb"))
            // Case counts.
            && !probe.matches(Bytes("A \nb"))
            // The end is the very end.
            && !probe.matches(Bytes("a \nb\n"))
    }
}
