import ModuleKit

/// What is done with a field.
enum Action: BitwiseCopyable {
    case add, append, merge, set, setIfEmpty, unset
    /// Copies the request's fields whose names match.
    case echo(Pattern)
    /// Replaces what matches: once, or wherever it does.
    case edit(Pattern, everywhere: Bool)
    /// Copies the field into the note that the value names.
    case note
}

/// When a directive applies.
enum Condition: BitwiseCopyable {
    case always
    /// Before anything else is done with the request.
    case early
    case environment(Bytes, isNegated: Bool)
    case expression(Expression)
}

/// One directive.
struct FieldChange: BitwiseCopyable {
    var action: Action
    var field: Bytes
    /// The value, or the replacement of an edit.
    var value: Value
    var condition = Condition.always

    var isEarly: Bool {
        if case .early = condition { return true }
        return false
    }
}

/// The directives of a scope, in their order, those of outer scopes first. Raw memory only.
struct HeadersConf: Configuration {
    var request = PoolArray<FieldChange>()
    var onSuccess = PoolArray<FieldChange>()
    var always = PoolArray<FieldChange>()
    var hasEarly = false

    func merged(over base: HeadersConf, settings: [(inout HeadersConf) -> Void], in pool: Pool) -> HeadersConf {
        var merged = HeadersConf()
        merged.request = base.request.joined(with: request, in: pool)
        merged.onSuccess = base.onSuccess.joined(with: onSuccess, in: pool)
        merged.always = base.always.joined(with: always, in: pool)
        merged.hasEarly = base.hasEarly || hasEarly
        return merged
    }
}
