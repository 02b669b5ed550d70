import ModuleKit

/// One variable with its value.
struct Variable: BitwiseCopyable {
    var name: Bytes
    var value: Bytes
}

/// The variables of a scope. Raw memory only: it is read for every request.
struct EnvironmentConf: Configuration {
    private(set) var variables = PoolArray<Variable>()
    /// Those of outer scopes that do not hold here.
    private var removed = PoolArray<Bytes>()

    init() {}

    mutating func set(_ name: Bytes, _ value: Bytes, in pool: Pool) {
        for index in 0..<variables.count where variables[index].name == name {
            return variables.elements[index].value = value
        }
        variables.append(Variable(name: name, value: value), in: pool)
    }

    mutating func remove(_ name: Bytes, in pool: Pool) {
        var kept = PoolArray<Variable>()
        for variable in variables.elements where variable.name != name { kept.append(variable, in: pool) }
        variables = kept
        removed.append(name, in: pool)
    }

    func merged(
        over base: EnvironmentConf, settings: [(inout EnvironmentConf) -> Void], in pool: Pool
    ) -> EnvironmentConf {
        var merged = EnvironmentConf()
        merged.removed = removed.joined(with: base.removed, in: pool)
        for variable in base.variables.elements where !removed.elements.contains(where: { $0 == variable.name }) {
            merged.variables.append(variable, in: pool)
        }
        for variable in variables.elements { merged.set(variable.name, variable.value, in: pool) }
        return merged
    }
}
