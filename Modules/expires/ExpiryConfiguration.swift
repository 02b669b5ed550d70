import ModuleKit

/// A setting that may be left to the outer scope.
enum Choice: UInt8, BitwiseCopyable {
    case unset, off, on
}

/// When an answer expires: some time after it was asked for, or after its file was changed.
struct Expiry: BitwiseCopyable {
    enum Base: UInt8, BitwiseCopyable {
        case access, modification
    }

    var base: Base
    var seconds: Int64
}

/// The expiry of one media type, or of all with one main type: "image/*".
struct TypeExpiry: BitwiseCopyable {
    var type: Bytes
    var expiry: Expiry
}

/// What holds in a scope. Raw memory only.
struct ExpiryConf: Configuration {
    var isActive = Choice.unset
    var standard: Expiry?
    private(set) var types = PoolArray<TypeExpiry>()

    init() {}

    mutating func set(_ type: Bytes, _ expiry: Expiry, in pool: Pool) {
        for index in 0..<types.count where types[index].type.equalsIgnoringCase(type) {
            return types.elements[index].expiry = expiry
        }
        types.append(TypeExpiry(type: type, expiry: expiry), in: pool)
    }

    func merged(over base: ExpiryConf, settings: [(inout ExpiryConf) -> Void], in pool: Pool) -> ExpiryConf {
        var merged = ExpiryConf()
        merged.isActive = isActive == .unset ? base.isActive : isActive
        merged.standard = standard ?? base.standard
        for each in base.types.elements { merged.set(each.type, each.expiry, in: pool) }
        for each in types.elements { merged.set(each.type, each.expiry, in: pool) }
        return merged
    }

    /// What holds for a media type without parameters.
    func expiry(of type: Bytes) -> Expiry? {
        var wildcard: Expiry?
        for each in types.elements {
            if each.type.equalsIgnoringCase(type) { return each.expiry }
            if each.type.hasSuffix(Bytes("/*")), isBelow(each.type, type) { wildcard = each.expiry }
        }
        return wildcard ?? standard
    }

    /// "image/png" is below "image/*".
    private func isBelow(_ pattern: Bytes, _ type: Bytes) -> Bool {
        let main = pattern.upTo(pattern.count - 1)
        return type.count > main.count && type.upTo(main.count).equalsIgnoringCase(main)
    }
}
