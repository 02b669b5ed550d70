import ModuleKit

/// What the host counts of each module (figures with the label "module"), as a table: the modules that have done something,
/// those first that take most of the loops' time.
struct ModuleTable {
    /// The figures' names.
    private(set) var columns: [String] = []
    private(set) var rows: [Row] = []
    private var helps: [String] = []

    struct Row {
        let module: String
        /// By column.
        var values: [Double]
    }

    static func holds(_ figure: Figure) -> Bool { figure.label?.name == "module" && figure.name.hasPrefix("module_") }

    init(_ all: [(module: String, figures: [Figure])]) {
        var places: [String: Int] = [:]
        for figure in all.flatMap(\.figures) where Self.holds(figure) {
            if columns.last != figure.name {
                columns.append(figure.name)
                helps.append(figure.help)
            }
            let module = figure.label?.value ?? ""
            let place = places[module, default: rows.count]
            if place == rows.count { rows.append(Row(module: module, values: [])) }
            places[module] = place
            rows[place].values.append(figure.value)
        }
        rows.removeAll { row in !row.values.contains { $0 != 0 } }
        rows.sort { ($0.values[0], $1.module) > ($1.values[0], $0.module) }
    }

    // MARK: For people

    var markup: String {
        guard !rows.isEmpty else { return "" }
        let heads = zip(columns, helps).map { "<th title=\"\(Shown.escaped($1))\">\(Self.title(of: $0))</th>" }
        var text = "<hr />\n<h2>Modules</h2>\n<table border=\"0\" cellpadding=\"3\">\n<tr><th align=\"left\">Module</th>\(heads.joined())</tr>\n"
        for row in rows {
            let cells = zip(columns, row.values).map { "<td align=\"right\">\(Self.shown($1, $0))</td>" }
            text += "<tr><td>\(Shown.escaped(row.module))</td>\(cells.joined())</tr>\n"
        }
        return text + "</table>\n<p>Of this generation. Loop seconds, calls and pool bytes are estimates.</p>\n"
    }

    /// "loop hold seconds" for "module_loop_hold_seconds_total".
    private static func title(of name: String) -> String { words(of: name).joined(separator: " ") }

    private static func words(of name: String) -> [Substring] {
        name.split(separator: "_").filter { $0 != "module" && $0 != "total" }
    }

    private static func shown(_ value: Double, _ name: String) -> String {
        value == 0 ? "-" : name.hasSuffix("_seconds_total") ? Shown.decimal(value, 6) : Shown.decimal(value, 0)
    }

    // MARK: For programs

    /// "ModuleLoopSeconds.alias_module: 0.001204", a line each.
    var lines: String {
        var text = ""
        for row in rows {
            for (name, value) in zip(columns, row.values) {
                let key = Self.words(of: name).map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
                let number = Shown.decimal(value, name.hasSuffix("_seconds_total") ? 6 : 0)
                text += "Module\(key).\(Self.plain(row.module)): \(number)\n"
            }
        }
        return text
    }

    /// A name may hold anything but what ends an argument of LoadModule; a line has one colon.
    private static func plain(_ name: String) -> String {
        String(name.map { $0.isASCII && ($0.isLetter || $0.isNumber || "_-.".contains($0)) ? $0 : "_" })
    }
}
