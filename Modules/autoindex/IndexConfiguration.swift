import ModuleKit

/// What IndexOptions can switch on.
struct IndexOptions: OptionSet, BitwiseCopyable {
    let rawValue: UInt32

    static let fancyIndexing = IndexOptions(rawValue: 1 << 0)
    static let htmlTable = IndexOptions(rawValue: 1 << 1)
    static let iconsAreLinks = IndexOptions(rawValue: 1 << 2)
    static let scanHTMLTitles = IndexOptions(rawValue: 1 << 3)
    static let suppressIcon = IndexOptions(rawValue: 1 << 4)
    static let suppressLastModified = IndexOptions(rawValue: 1 << 5)
    static let suppressSize = IndexOptions(rawValue: 1 << 6)
    static let suppressDescription = IndexOptions(rawValue: 1 << 7)
    static let suppressPreamble = IndexOptions(rawValue: 1 << 8)
    static let suppressColumnSorting = IndexOptions(rawValue: 1 << 9)
    static let suppressRules = IndexOptions(rawValue: 1 << 10)
    static let foldersFirst = IndexOptions(rawValue: 1 << 11)
    static let versionSort = IndexOptions(rawValue: 1 << 12)
    static let trackModified = IndexOptions(rawValue: 1 << 13)
    static let ignoreCase = IndexOptions(rawValue: 1 << 14)
    static let ignoreClient = IndexOptions(rawValue: 1 << 15)
    static let showForbidden = IndexOptions(rawValue: 1 << 16)
    static let addAltClass = IndexOptions(rawValue: 1 << 17)
    static let oldDateFormat = IndexOptions(rawValue: 1 << 18)
    static let xhtml = IndexOptions(rawValue: 1 << 19)
    static let none = IndexOptions(rawValue: 1 << 20)

    static let isFancy: IndexOptions = [.fancyIndexing, .htmlTable]
}

/// What a column's width is made of.
struct Width: BitwiseCopyable {
    enum Kind: UInt8, BitwiseCopyable {
        case unset, fixed, widest
    }

    var kind = Kind.unset
    var value = 23

    func over(_ base: Width) -> Width { kind == .unset ? base : self }
}

/// One AddIcon, AddAlt, AddDescription or IndexIgnore.
struct Rule: BitwiseCopyable {
    enum Kind: UInt8, BitwiseCopyable {
        case name, type, encoding
        /// A part of the name, or of the path when it has a slash.
        case part
    }

    var kind: Kind
    /// The pattern of files, types or encodings it holds for.
    var pattern: Bytes
    /// The pattern of the directory it stands in.
    var directory: Bytes
    /// The icon, the text; unset for IndexIgnore.
    var value = Bytes.none
}

/// How lists are sorted when the client does not say.
struct Sorting: BitwiseCopyable {
    enum Key: UInt8, BitwiseCopyable {
        case name = 0x4e
        case modified = 0x4d
        case size = 0x53
        case description = 0x44
    }

    var key = Key.name
    var isAscending = true
}

/// How directories are listed.
struct IndexConf: Configuration {
    var options: IndexOptions = []
    var added: IndexOptions = []
    var removed: IndexOptions = []
    var nameWidth = Width()
    var descriptionWidth = Width()
    var iconWidth = 0
    var iconHeight = 0
    var charset = Bytes.none
    var type = Bytes.none
    var defaultIcon = Bytes.none
    var styleSheet = Bytes.none
    var headInsert = Bytes.none
    var header = Bytes.none
    var readme = Bytes.none
    var sorting: Sorting?
    var ignoresAfresh = false
    var icons = PoolArray<Rule>()
    var alts = PoolArray<Rule>()
    var descriptions = PoolArray<Rule>()
    var ignored = PoolArray<Rule>()

    func merged(over base: IndexConf, settings: [(inout IndexConf) -> Void], in pool: Pool) -> IndexConf {
        var merged = self
        mergeOptions(base, into: &merged)
        merged.nameWidth = nameWidth.over(base.nameWidth)
        merged.descriptionWidth = descriptionWidth.over(base.descriptionWidth)
        if iconWidth == 0 { merged.iconWidth = base.iconWidth }
        if iconHeight == 0 { merged.iconHeight = base.iconHeight }
        if !charset.isSet { merged.charset = base.charset }
        if !type.isSet { merged.type = base.type }
        if !defaultIcon.isSet { merged.defaultIcon = base.defaultIcon }
        if !styleSheet.isSet { merged.styleSheet = base.styleSheet }
        if !headInsert.isSet { merged.headInsert = base.headInsert }
        if !header.isSet { merged.header = base.header }
        if !readme.isSet { merged.readme = base.readme }
        merged.sorting = sorting ?? base.sorting
        // The first rule that fits holds, so the inner ones come first.
        merged.icons = icons.joined(with: base.icons, in: pool)
        merged.alts = alts.joined(with: base.alts, in: pool)
        merged.descriptions = descriptions.joined(with: base.descriptions, in: pool)
        if !ignoresAfresh { merged.ignored = ignored.joined(with: base.ignored, in: pool) }
        return merged
    }

    /// A plain word makes this scope's options its own; + and - change those of the outer scope.
    private func mergeOptions(_ base: IndexConf, into merged: inout IndexConf) {
        if options.contains(.none) {
            merged.options = .none
            merged.added = []
            merged.removed = []
            return
        }
        if options.isEmpty {
            merged.added = base.added.union(added).subtracting(removed)
            merged.removed = base.removed.union(removed)
            merged.options = base.options.subtracting(.none)
        }
        merged.options = merged.options.union(merged.added).subtracting(merged.removed)
    }
}
