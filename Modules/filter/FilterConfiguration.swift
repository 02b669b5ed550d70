import ModuleKit

/// When a provider is the one for an answer.
enum Condition: BitwiseCopyable {
    case expression(Expression)
    /// The media type of the answer, whatever its parameters.
    case type(Bytes)
}

/// What FilterProtocol says of a filter.
struct FilterTraits: OptionSet, BitwiseCopyable {
    let rawValue: UInt8

    /// It changes the body, and maybe its length.
    static let changes = FilterTraits(rawValue: 1)
    /// It changes the body, byte for byte.
    static let keepsLength = FilterTraits(rawValue: 2)
    static let noRanges = FilterTraits(rawValue: 4)
    static let notProxied = FilterTraits(rawValue: 8)
    static let transforms = FilterTraits(rawValue: 16)
    static let noCache = FilterTraits(rawValue: 32)
}

/// One filter that a smart filter may become.
struct Provider: BitwiseCopyable {
    var name: Bytes
    var condition: Condition
    var traits: FilterTraits = []
}

/// A filter that is one of its providers, as the answer wants it.
struct Declared: BitwiseCopyable {
    var name: Bytes
    var providers = PoolArray<Provider>()
    var traits: FilterTraits = []
    var trace: Int32 = 0
}

/// One word of FilterChain.
struct ChainStep: BitwiseCopyable {
    enum Kind: UInt8, BitwiseCopyable {
        case append, prepend, remove, replace, clear
    }

    var kind: Kind
    var name: Bytes
}

/// The smart filters of a section and the order they are asked in.
struct FilterConf: Configuration {
    var declared = PoolArray<Declared>()
    /// Who is asked, in order.
    var chain = PoolArray<Bytes>()
    /// How this section changes the chain of the one around it.
    var steps = PoolArray<ChainStep>()

    func merged(over base: FilterConf, settings: [(inout FilterConf) -> Void], in pool: Pool) -> FilterConf {
        var merged = base
        merged.steps = PoolArray()
        if !declared.isEmpty { merged.declared = declarations(over: base, in: pool) }
        for step in steps.elements { merged.apply(step, in: pool) }
        return merged
    }

    /// A filter that both declare has the providers of both, the outer ones first.
    private func declarations(over base: FilterConf, in pool: Pool) -> PoolArray<Declared> {
        var all = base.declared.joined(with: PoolArray(), in: pool)
        for inner in declared.elements {
            guard let index = all.elements.firstIndex(where: { $0.name.equalsIgnoringCase(inner.name) }) else {
                all.append(inner, in: pool)
                continue
            }
            var both = inner
            both.providers = all[index].providers.joined(with: inner.providers, in: pool)
            both.traits.formUnion(all[index].traits)
            both.trace = max(both.trace, all[index].trace)
            var copy = PoolArray<Declared>()
            for (place, outer) in all.elements.enumerated() { copy.append(place == index ? both : outer, in: pool) }
            all = copy
        }
        return all
    }

    mutating func apply(_ step: ChainStep, in pool: Pool) {
        var names = chain.elements.filter { !$0.equalsIgnoringCase(step.name) }
        switch step.kind {
        case .append where names.count < chain.count: return
        case .append: names.append(step.name)
        case .prepend: names.insert(step.name, at: 0)
        case .remove: break
        case .replace: names = [step.name]
        case .clear: names = []
        }
        var next = PoolArray<Bytes>()
        for name in names { next.append(name, in: pool) }
        chain = next
    }

    func find(_ name: Bytes) -> Declared? { declared.elements.first { $0.name.equalsIgnoringCase(name) } }
}
