import ModuleKit

/// Which file maps extensions to types. Only the main server's counts.
struct MimeServerConf: Configuration {
    static let isInheritedWhole = true

    /// Absolute; none: the default.
    var typesFile = Bytes.none
    /// "file:line" of the directive.
    var place = Bytes.none
}

/// One kind of thing that an extension says about a file.
enum Attribute: UInt8, BitwiseCopyable {
    case type, charset, language, encoding, handler, inputFilters, outputFilters
}

/// What one extension says about a file.
struct ExtensionInfo: BitwiseCopyable {
    /// Set but empty: RemoveType hides what the types file says.
    var type = Bytes.none
    var charset = Bytes.none
    var language = Bytes.none
    var encoding = Bytes.none
    var handler = Bytes.none
    var inputFilters = Bytes.none
    var outputFilters = Bytes.none

    subscript(attribute: Attribute) -> Bytes {
        get {
            switch attribute {
            case .type: type
            case .charset: charset
            case .language: language
            case .encoding: encoding
            case .handler: handler
            case .inputFilters: inputFilters
            case .outputFilters: outputFilters
            }
        }
        set {
            switch attribute {
            case .type: type = newValue
            case .charset: charset = newValue
            case .language: language = newValue
            case .encoding: encoding = newValue
            case .handler: handler = newValue
            case .inputFilters: inputFilters = newValue
            case .outputFilters: outputFilters = newValue
            }
        }
    }

    static let attributes: [Attribute] = [
        .type, .charset, .language, .encoding, .handler, .inputFilters, .outputFilters,
    ]

    /// Takes over what `inner` says.
    mutating func overlay(_ inner: ExtensionInfo) {
        for attribute in Self.attributes where inner[attribute].isSet { self[attribute] = inner[attribute] }
    }
}

/// A RemoveEncoding or its like: takes effect where its section is merged over an outer one.
struct Removal: BitwiseCopyable {
    let name: Bytes
    let attribute: Attribute
}

/// A setting that may be left to the outer scope.
enum Choice: UInt8, BitwiseCopyable {
    case unset, off, on
}

/// Which extensions a variant of a resource may have besides those that are negotiated.
struct MultiviewsMatch: OptionSet, BitwiseCopyable {
    let rawValue: UInt8

    static let handlers = MultiviewsMatch(rawValue: 1)
    static let filters = MultiviewsMatch(rawValue: 2)
    static let any = MultiviewsMatch(rawValue: 4)
}

/// What extensions mean in a directory. Raw memory only: it is read for every request.
struct MimeDirConf: Configuration {
    var mappings = ExtensionTable<ExtensionInfo>()
    var removals = PoolArray<Removal>()
    var defaultLanguage = Bytes.none
    var usePathInfo = Choice.unset
    /// What MultiviewsMatch lets count besides what is negotiated; nil: it is left to the outer scope.
    var multiviews: MultiviewsMatch?
    /// Whether any extension brings filters.
    var hasFilters = false

    /// Whether nothing but the file of types says something about extensions.
    var knowsTypesAlone: Bool { mappings.isEmpty && usePathInfo != .on && !defaultLanguage.isSet }

    /// Maps a lower-case extension.
    mutating func set(_ attribute: Attribute, _ value: Bytes, for name: Bytes, in pool: Pool) {
        mappings.findOrInsert(name, initial: ExtensionInfo(), in: pool).pointee[attribute] = value
        if attribute == .inputFilters || attribute == .outputFilters { hasFilters = true }
    }

    /// Removals are the inner scope's last word, after everything that it adds itself.
    func merged(over base: MimeDirConf, settings: [(inout MimeDirConf) -> Void], in pool: Pool) -> MimeDirConf
    {
        var merged = base
        merged.removals = PoolArray()
        merged.mappings = mappings(over: base, in: pool)
        if defaultLanguage.isSet { merged.defaultLanguage = defaultLanguage }
        if usePathInfo != .unset { merged.usePathInfo = usePathInfo }
        merged.multiviews = multiviews ?? base.multiviews
        merged.hasFilters = base.hasFilters || hasFilters
        return merged
    }

    private func mappings(over base: MimeDirConf, in pool: Pool) -> ExtensionTable<ExtensionInfo> {
        if mappings.isEmpty, removals.isEmpty { return base.mappings }
        if base.mappings.isEmpty, removals.isEmpty { return mappings }
        var both = base.mappings.copy(extra: mappings.count, in: pool)
        mappings.each { name, info in
            both.findOrInsert(name, initial: ExtensionInfo(), in: pool).pointee.overlay(info.pointee)
        }
        for removal in removals.elements { both.find(removal.name)?.pointee[removal.attribute] = .none }
        return both
    }
}
