import ModuleKit

/// What is looked at.
enum Subject: BitwiseCopyable {
    case remoteHost, remoteAddress, serverAddress, requestMethod, requestProtocol, requestURI
    /// A request header field, or else a variable.
    case named(Bytes)
    /// The last request header field whose name matches.
    case matching(Pattern)
    case expression(Expression)
}

/// A variable that is set or removed when a condition holds.
struct Change: BitwiseCopyable {
    var name: Bytes
    /// With $0 … $9 in it; none: the variable is removed.
    var value: Bytes
}

/// One directive.
struct Condition: BitwiseCopyable {
    var subject: Subject
    /// What the subject must match; nil for an expression.
    var pattern: Pattern?
    var changes: PoolArray<Change>
}

/// The conditions of a scope, in their order, those of outer scopes first. Raw memory only.
struct ConditionsConf: Configuration {
    var conditions = PoolArray<Condition>()

    func merged(
        over base: ConditionsConf, settings: [(inout ConditionsConf) -> Void], in pool: Pool
    ) -> ConditionsConf {
        var merged = ConditionsConf()
        merged.conditions = base.conditions.joined(with: conditions, in: pool)
        return merged
    }
}
