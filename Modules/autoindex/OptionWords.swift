import ModuleKit

private let optionsByName: [String: IndexOptions] = [
    "addaltclass": .addAltClass, "fancyindexing": .fancyIndexing, "foldersfirst": .foldersFirst,
    "htmltable": .isFancy, "iconsarelinks": .iconsAreLinks, "ignorecase": .ignoreCase,
    "ignoreclient": .ignoreClient, "none": .none, "scanhtmltitles": .scanHTMLTitles,
    "showforbidden": .showForbidden, "suppresscolumnsorting": .suppressColumnSorting,
    "suppressdescription": .suppressDescription, "suppresshtmlpreamble": .suppressPreamble,
    "suppressicon": .suppressIcon, "suppresslastmodified": .suppressLastModified,
    "suppressrules": .suppressRules, "suppresssize": .suppressSize, "trackmodified": .trackModified,
    "useolddateformat": .oldDateFormat, "versionsort": .versionSort, "xhtml": .xhtml,
]

/// The size of the icons that httpd brings.
private let standardIcon = (width: 20, height: 22)

/// IndexOptions. A plain word forgets what + and - said before it.
func setOptions(_ command: Command, _ words: Arguments) throws {
    let conf = command.configuration(IndexConf.self)
    var (options, added, removed) = (conf.pointee.options, conf.pointee.added, conf.pointee.removed)
    for index in 0..<words.count {
        let word = words[index]
        let sign = word.hasPrefix("+") || word.hasPrefix("-") ? word[0] : nil
        let name = sign == nil ? word : word.from(1)
        if try setValue(name, sign: sign, of: conf, in: command.pool) { continue }
        guard let option = optionsByName[name.string.lowercased()] else {
            throw DirectiveError("there is no option \"\(name.string)\" for listings")
        }
        switch sign {
        case nil:
            options.formUnion(option)
            added = []
            removed = []
        case UInt8(ascii: "+"):
            added.formUnion(option)
            removed.subtract(option)
        default:
            removed.formUnion(option)
            added.subtract(option)
        }
        if option == .none, sign != nil { throw DirectiveError("None takes neither + nor -") }
    }
    guard !options.contains(.none) || options == .none else {
        throw DirectiveError("None cannot be combined with other options")
    }
    conf.pointee.options = options
    conf.pointee.added = added
    conf.pointee.removed = removed
}

/// An option with a value. False: it is none of these.
private func setValue(
    _ word: Bytes, sign: UInt8?, of conf: UnsafeMutablePointer<IndexConf>, in pool: Pool
) throws -> Bool {
    let equals = word.firstIndex(of: UInt8(ascii: "="))
    let name = word.upTo(equals ?? word.count).string.lowercased()
    let value = equals.map { word.from($0 + 1) }
    let isReset = sign == UInt8(ascii: "-") && value == nil
    switch name {
    case "iconwidth":
        conf.pointee.iconWidth = isReset ? 0 : try pixels(value, standardIcon.width, name)
    case "iconheight":
        conf.pointee.iconHeight = isReset ? 0 : try pixels(value, standardIcon.height, name)
    case "namewidth": conf.pointee.nameWidth = isReset ? Width(kind: .fixed) : try width(value, name, atLeast: 5)
    case "descriptionwidth":
        conf.pointee.descriptionWidth = isReset ? Width() : try width(value, name, atLeast: 12)
    case "charset" where value != nil: conf.pointee.charset = pool.copy(value ?? .none)
    case "type" where value != nil: conf.pointee.type = pool.copy(value ?? .none)
    default: return false
    }
    if sign == UInt8(ascii: "+") || sign != nil && value != nil {
        throw DirectiveError("\(name) takes a value, so it can neither be added nor removed with + and -")
    }
    return true
}

private func pixels(_ value: Bytes?, _ standard: Int, _ name: String) throws -> Int {
    guard let value else { return standard }
    guard let number = value.decimal, 1...10_000 ~= number else {
        throw DirectiveError("\"\(value.string)\" is no number of pixels for \(name)")
    }
    return Int(number)
}

private func width(_ value: Bytes?, _ name: String, atLeast least: Int64) throws -> Width {
    guard let value else { throw DirectiveError("\(name) needs a width: a number, or *") }
    if value == "*" { return Width(kind: .widest) }
    guard let number = value.decimal, number < 100_000 else {
        throw DirectiveError("\"\(value.string)\" is neither a number nor * for \(name)")
    }
    guard number >= least else { throw DirectiveError("\(name) must be at least \(least)") }
    return Width(kind: .fixed, value: Int(number))
}
