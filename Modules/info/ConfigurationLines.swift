import ModuleABI.Draft
@_spi(Draft) import ModuleKit

/// The configuration as lines of HTML: file by file, each line with its number, sections indented.
struct ConfigurationLines {
    private let host: Host

    init(_ host: Host) { self.host = host }

    /// What is done while the configuration is read is no part of it.
    private static let left = ["loadmodule", "loadfile", "serverroot", "include", "includeoptional", "define", "undefine"]

    /// - Parameter module: only its directives, and the sections around them; nil: all.
    func lines(of module: String?) -> [String] {
        var lines: [String] = []
        var file = ""
        // Sections that have begun; those that are not shown yet are, once something in them is.
        var open: [(line: String, file: String, isShown: Bool)] = []

        func enter(_ path: String) {
            guard path != file else { return }
            file = path
            lines.append("<dd><tt><strong>In file: \(Markup.escaped(path))</strong></tt></dd>")
        }

        func showSections() {
            for index in open.indices where !open[index].isShown {
                open[index].isShown = true
                enter(open[index].file)
                lines.append(open[index].line)
            }
        }

        host.eachConfigurationLine { line in
            let isWanted = module.map { line.module.string == $0 } ?? true
            let name = line.name.string
            switch line.kind {
            case APUS_LINE_SECTION:
                open.append((Self.section(line), line.file.string, false))
                if isWanted, line.module != "core_module" || module == nil { showSections() }
            case APUS_LINE_SECTION_END:
                guard let section = open.popLast(), section.isShown else { return }
                lines.append(Self.composed("&nbsp;&nbsp;&nbsp;&nbsp;:", Int(line.depth), "&lt;/\(Markup.escaped(name))&gt;"))
            default:
                guard isWanted, !Self.left.contains(name.lowercased()) else { return }
                showSections()
                enter(line.file.string)
                let arguments = line.arguments.isEmpty ? "" : " <i>\(Markup.escaped(line.arguments.string))</i>"
                lines.append(Self.composed(Self.number(line.line), Int(line.depth), Markup.escaped(name) + arguments))
            }
        }
        return lines
    }

    private static func section(_ line: apus_config_line) -> String {
        let arguments = line.arguments.isEmpty ? "" : " \(Markup.escaped(line.arguments.string))"
        return composed(number(line.line), Int(line.depth), "&lt;\(Markup.escaped(line.name.string))\(arguments)&gt;")
    }

    private static func composed(_ number: String, _ depth: Int, _ text: String) -> String {
        "<dd><tt>\(number)&nbsp;\(String(repeating: "&nbsp;&nbsp;", count: depth))\(text)</tt></dd>"
    }

    /// To a width of four.
    private static func number(_ line: UInt32) -> String {
        let digits = String(line)
        return String(repeating: "&nbsp;", count: max(0, 4 - digits.count)) + digits + ":"
    }
}
