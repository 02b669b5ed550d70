import Glibc
import ModuleKit

/// Writes the lines of a listing in one of its three shapes.
struct ListingPage {
    let conf: UnsafePointer<IndexConf>
    let query: IndexQuery
    let path: Bytes
    private let nameWidth: Int
    private let descriptionWidth: Int

    init(_ conf: UnsafePointer<IndexConf>, _ query: IndexQuery, path: Bytes, _ entries: [Entry]) {
        self.conf = conf
        self.query = query
        self.path = path
        let (names, texts) = (conf.pointee.nameWidth, conf.pointee.descriptionWidth)
        nameWidth = names.kind == .widest ? entries.reduce(names.value) { max($0, $1.name.count) } : names.value
        descriptionWidth = texts.kind == .widest
            ? entries.reduce(texts.value) { max($0, $1.description?.count ?? 0) } : texts.value
    }

    private var options: IndexOptions { query.options }
    private var isXHTML: Bool { options.contains(.xhtml) }
    private var hasStyle: Bool { conf.pointee.styleSheet.isSet }
    private var showsIcon: Bool { !options.contains(.suppressIcon) }
    private var showsModified: Bool { !options.contains(.suppressLastModified) }
    private var showsSize: Bool { !options.contains(.suppressSize) }
    private var showsDescription: Bool { !options.contains(.suppressDescription) }
    private var showsRules: Bool { !options.contains(.suppressRules) }

    func write(_ entries: [Entry], _ page: inout Page) {
        if options.contains(.htmlTable) {
            writeTable(entries, &page)
        } else if options.contains(.fancyIndexing) {
            writeColumns(entries, &page)
        } else {
            writeList(entries, &page)
        }
    }

    private func writeList(_ entries: [Entry], _ page: inout Page) {
        page.append("<ul>")
        for entry in entries {
            page.append("<li>")
            openLink(entry, &page)
            page.append(" ")
            page.append(escaped: entry.isParent ? Bytes("Parent Directory") : entry.name)
            page.append("</a></li>\n")
        }
        page.append("</ul>\n")
    }

    // MARK: Columns in a <pre>

    private func writeColumns(_ entries: [Entry], _ page: inout Page) {
        page.append("<pre>")
        if showsIcon {
            if let blank = conf.pointee.value(conf.pointee.icons, path: IndexConf.blankMark) {
                image(blank, "Icon ", &page)
                page.append(" ")
            } else {
                page.append("      ")
            }
        }
        columnTitle("Name", .name, &page)
        page.pad(nameWidth - 4 + 1)
        if showsModified {
            columnTitle("Last modified", .modified, &page)
            page.append("      ")
        }
        if showsSize {
            columnTitle("Size", .size, &page)
            page.append("  ")
        }
        if showsDescription { columnTitle("Description", .description, &page) }
        if showsRules { rule(&page) } else { page.append("\n") }
        for entry in entries { writeLine(entry, &page) }
        if showsRules { rule(&page) }
        page.append("</pre>\n")
    }

    private func writeLine(_ entry: Entry, _ page: inout Page) {
        if showsIcon {
            icon(of: entry, placeholder: "     ", &page)
            page.append(" ")
        }
        name(of: entry, isPadded: true, &page)
        page.append(" ")
        if showsModified {
            if entry.modified == -1 {
                page.append("                   ")
            } else {
                date(entry.modified, &page)
                page.append("  ")
            }
        }
        if showsSize {
            page.append(size: entry.size)
            page.append("  ")
        }
        if showsDescription, let text = entry.description { description(text, &page) }
        page.append("\n")
    }

    // MARK: A table

    private func writeTable(_ entries: [Entry], _ page: inout Page) {
        page.append(hasStyle ? "  <table id=\"indexlist\">\n   <tr class=\"indexhead\">" : "  <table>\n   <tr>")
        if showsIcon {
            page.append(hasStyle ? "<th class=\"indexcolicon\">" : "<th valign=\"top\">")
            if let blank = conf.pointee.value(conf.pointee.icons, path: IndexConf.blankMark) {
                image(blank, "[ICO]", &page)
            } else {
                page.append("&nbsp;")
            }
            page.append("</th>")
        }
        headCell("indexcolname", "Name", .name, &page)
        if showsModified { headCell("indexcollastmod", "Last modified", .modified, &page) }
        if showsSize { headCell("indexcolsize", "Size", .size, &page) }
        if showsDescription { headCell("indexcoldesc", "Description", .description, &page) }
        page.append("</tr>\n")
        breakRow(&page)
        for (index, entry) in entries.enumerated() { writeRow(entry, isEven: index % 2 == 0, &page) }
        breakRow(&page)
        page.append("</table>\n")
    }

    private func headCell(_ style: StaticString, _ title: StaticString, _ key: Sorting.Key, _ page: inout Page) {
        page.append("<th")
        styleClass(style, &page)
        page.append(">")
        columnTitle(title, key, &page)
        page.append("</th>")
    }

    private func breakRow(_ page: inout Page) {
        guard showsRules else { return }
        let columns = 1 + [showsIcon, showsModified, showsSize, showsDescription].count { $0 }
        page.append("   <tr")
        styleClass("indexbreakrow", &page)
        page.append("><th colspan=\"")
        page.append(number: columns)
        page.append("\">")
        rule(&page)
        page.append("</th></tr>\n")
    }

    private func writeRow(_ entry: Entry, isEven: Bool, _ page: inout Page) {
        rowStart(entry, isEven, &page)
        if showsIcon {
            page.append(hasStyle ? "<td class=\"indexcolicon\">" : "<td valign=\"top\">")
            icon(of: entry, placeholder: "&nbsp;", &page)
            page.append("</td>")
        }
        page.append("<td")
        styleClass("indexcolname", &page)
        page.append(">")
        name(of: entry, isPadded: conf.pointee.nameWidth.kind != .widest, &page)
        page.append("</td>")
        if showsModified {
            let isKnown = entry.modified != -1
            cell("indexcollastmod", isRight: isKnown, &page) { page in
                guard isKnown else { return page.append("&nbsp;") }
                date(entry.modified, &page)
                page.append("  ")
            }
        }
        if showsSize { cell("indexcolsize", isRight: true, &page) { $0.append(size: entry.size) } }
        if showsDescription {
            cell("indexcoldesc", isRight: false, &page) { page in
                guard let text = entry.description else { return page.append("&nbsp;") }
                description(text, &page)
            }
        }
        page.append("</tr>\n")
    }

    private func rowStart(_ entry: Entry, _ isEven: Bool, _ page: inout Page) {
        guard hasStyle else { return page.append("<tr>") }
        page.append("   <tr class=\"")
        page.append(isEven ? "even" : "odd")
        if options.contains(.addAltClass), let alt = entry.alt {
            page.append("-")
            for byte in alt.buffer { page.append(escaped: byte.asciiLowercased) }
        }
        page.append("\">")
    }

    private func cell(_ style: StaticString, isRight: Bool, _ page: inout Page, _ content: (inout Page) -> Void) {
        page.append("<td")
        if hasStyle { styleClass(style, &page) } else if isRight { page.append(" align=\"right\"") }
        page.append(">")
        content(&page)
        page.append("</td>")
    }

    private func styleClass(_ name: StaticString, _ page: inout Page) {
        guard hasStyle else { return }
        page.append(" class=\"")
        page.append(name)
        page.append("\"")
    }

    // MARK: Parts

    private func rule(_ page: inout Page) { page.append(isXHTML ? "<hr />" : "<hr>") }

    /// A column's title, which sorts by it and, where it is sorted so already, the other way round.
    private func columnTitle(_ title: StaticString, _ key: Sorting.Key, _ page: inout Page) {
        guard !options.contains(.suppressColumnSorting) else { return page.append(title) }
        let turns = query.sorting.key == key && query.sorting.isAscending
        page.append("<a href=\"?C=")
        page.append(key.rawValue)
        page.append(";O=")
        page.append(turns ? "D" : "A")
        page.append(query.repeated)
        page.append("\">")
        page.append(title)
        page.append("</a>")
    }

    private func openLink(_ entry: Entry, _ page: inout Page) {
        page.append("<a href=\"")
        if entry.isParent {
            // Up to the slash before the last one.
            let above = path.upTo(path.upTo(path.count - 1).lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0)
            page.append(link: above.isEmpty ? Bytes("/") : above)
        } else {
            page.append(link: entry.name)
        }
        page.append("\">")
    }

    private func name(of entry: Entry, isPadded: Bool, _ page: inout Page) {
        let shown = entry.isParent ? Bytes("Parent Directory") : entry.name
        openLink(entry, &page)
        if shown.count > nameWidth {
            page.append(escaped: shown.upTo(nameWidth - 3))
            page.append("..&gt;")
        } else {
            page.append(escaped: shown)
        }
        page.append("</a>")
        if isPadded { page.pad(nameWidth - shown.count) }
    }

    private func icon(of entry: Entry, placeholder: StaticString, _ page: inout Page) {
        let isLink = options.contains(.iconsAreLinks)
        if isLink { openLink(entry, &page) }
        let standard = conf.pointee.defaultIcon
        if let icon = entry.icon ?? (standard.isEmpty ? nil : standard) {
            page.append("<img src=\"")
            page.append(escaped: icon)
            page.append("\" alt=\"[")
            page.append(escaped: entry.alt ?? Bytes("   "))
            page.append("]\"")
            endImage(&page)
        } else {
            page.append(placeholder)
        }
        if isLink { page.append("</a>") }
    }

    private func image(_ url: Bytes, _ alt: StaticString, _ page: inout Page) {
        page.append("<img src=\"")
        page.append(escaped: url)
        page.append("\" alt=\"")
        page.append(alt)
        page.append("\"")
        endImage(&page)
    }

    private func endImage(_ page: inout Page) {
        if conf.pointee.iconWidth > 0 {
            page.append(" width=\"")
            page.append(number: conf.pointee.iconWidth)
            page.append("\"")
        }
        if conf.pointee.iconHeight > 0 {
            page.append(" height=\"")
            page.append(number: conf.pointee.iconHeight)
            page.append("\"")
        }
        page.append(isXHTML ? " />" : ">")
    }

    private func date(_ seconds: Int64, _ page: inout Page) {
        var time = time_t(seconds)
        var parts = tm()
        localtime_r(&time, &parts)
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 32) { room in
            let format = options.contains(.oldDateFormat) ? "%d-%b-%Y %H:%M" : "%Y-%m-%d %H:%M"
            let count = strftime(room.baseAddress.unsafelyUnwrapped, room.count, format, &parts)
            page.append(Bytes(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(room)[..<count])))
        }
    }

    /// A description, cut to the width of its column: tags count nothing, and an entity as one character.
    private func description(_ text: Bytes, _ page: inout Page) {
        guard conf.pointee.descriptionWidth.kind != .widest else { return page.append(text) }
        var left = descriptionWidth
        if conf.pointee.descriptionWidth.kind == .unset {
            if !showsIcon { left += 6 }
            if !showsModified { left += 19 }
            if !showsSize { left += 7 }
        }
        var end = 0
        while end < text.count, left > 0 || text[end] == UInt8(ascii: "<") {
            switch text[end] {
            case UInt8(ascii: "<"): end = text.firstIndex(of: UInt8(ascii: ">"), from: end) ?? text.count - 1
            case UInt8(ascii: "&"):
                left -= 1
                end = text.firstIndex(of: UInt8(ascii: ";"), from: end) ?? text.count - 1
            default: left -= 1
            }
            end += 1
        }
        guard end < text.count else { return page.append(text) }
        page.append(text.upTo(end - 1))
        page.append(">")
    }
}

extension Page {
    fileprivate mutating func append(escaped byte: UInt8) {
        withUnsafeBytes(of: byte) { append(escaped: Bytes($0)) }
    }
}
