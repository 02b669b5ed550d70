import ByteKit
import ModuleABI

/// The methods that <Limit> or <LimitExcept> restricts directives to: what a module knows as apus_methods.
struct MethodLimit: BitwiseCopyable {
    let names: UnsafeBufferPointer<Bytes>
    /// The names are those it does not hold for.
    let isExcept: Bool
    /// The one around it.
    let outer: UnsafePointer<MethodLimit>?

    /// Whoever may do GET may do HEAD.
    func holds(for method: Bytes) -> Bool {
        let name = method == "HEAD" ? Bytes("GET") : method
        let isNamed = names.contains { $0 == name }
        return isNamed != isExcept && outer?.pointee.holds(for: method) != false
    }
}

/// <Limit> and <LimitExcept>.
extension CoreDirectives {
    static var limits: [DirectiveEntry] {
        let classes = APUS_OVERRIDE_LIMIT | APUS_OVERRIDE_AUTH
        return [
            section("Limit", in: directory, override: classes, "method …") { context, _ throws(DirectiveProblem) in
                try openLimit(context, isExcept: false)
            },
            section("LimitExcept", in: directory, override: classes, "method …") { context, _ throws(DirectiveProblem) in
                try openLimit(context, isExcept: true)
            },
        ]
    }

    private static func openLimit(_ context: DirectiveContext, isExcept: Bool) throws(DirectiveProblem) {
        let words = context.node.words(context.builder.diagnostics)
        guard !words.isEmpty else {
            throw DirectiveProblem("it names no method", hint: "write <\(context.entry.name) POST PUT DELETE>")
        }
        for word in words where !isExcept && word.text == "TRACE" {
            throw DirectiveProblem("TRACE cannot be limited", hint: "write TraceEnable Off", at: word.location)
        }
        let names = words.map { $0.text == "HEAD" ? Bytes("GET") : context.bytes($0) }
        // A method that somebody gives rules for is known from then on.
        for name in names where Method(name) == .unknown && !Method.isRegistered(name) { Method.added.append(name) }
        let outer = context.scope.limit
        context.scope.limit = UnsafePointer(
            context.arena.new(
                MethodLimit(names: UnsafeBufferPointer(context.arena.copy(names)), isExcept: isExcept, outer: outer)))
        defer { context.scope.limit = outer }
        context.builder.walk(context.node.children, in: context.scope)
    }
}
