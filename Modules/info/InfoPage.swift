@_spi(Draft) import ModuleKit

/// The handler server-info: everything, or what the query names.
struct InfoPage {
    private let host: Host
    private let request: Request
    private let query: String

    init(_ host: Host, _ request: Request) {
        self.host = host
        self.request = request
        query = request.query.isSet ? request.query.string : ""
    }

    func markup() -> String {
        """
        <!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"
        "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
        <html xmlns="http://www.w3.org/1999/xhtml">
        <head>
          <title>Server Information</title>
        </head>
        <body><h1 style="text-align: center">Apus Server Information</h1>
        \(content())\(request.signature.string)</body></html>

        """
    }

    private func content() -> String {
        switch query.lowercased() {
        case "": overview() + moduleDetails() + "<hr />\n" + settings() + hooks() + providers()
        case "list": list()
        case "config": configuration()
        case "server": settings()
        case "hooks": hooks()
        case "providers": providers()
        default: details(of: query).map { "<dl>\($0)</dl><hr />\n" } ?? ""
        }
    }

    // MARK: Modules

    private var modules: [ModuleFacts] {
        var all: [ModuleFacts] = []
        host.eachModule { name, version, file, toolchain in
            all.append(ModuleFacts(name: name.string, version: version.string, file: file.string, toolchain: toolchain.string))
        }
        return all.sorted { $0.source < $1.source }
    }

    private func overview() -> String {
        let pages = [
            ("config", "Configuration Files"), ("server", "Server Settings"), ("list", "Module List"), ("hooks", "Active Hooks"),
            ("providers", "Available Providers"),
        ]
        let links = pages.map { "<a href=\"?\($0.0)\">\($0.1)</a>" }.joined(separator: ", ")
        let sections = [
            ("modules", "Loaded Modules"), ("server", "Server Settings"), ("hooks", "Hooks"), ("providers", "Providers"),
        ].map { "<a href=\"#\($0.0)\">\($0.1)</a>" }.joined(separator: ", ")
        let names = modules.map { "<a href=\"#\($0.source)\">\($0.source)</a>" }.joined(separator: ", ")
        return """
            <dl><dt><tt>Subpages:<br />\(links)</tt></dt></dl><hr />
            <dl><dt><tt>Sections:<br />\(sections)</tt></dt></dl><hr />
            <h2><a name="modules">Loaded Modules</a></h2><dl><dt><tt>\(names)</tt></dt></dl><hr />

            """
    }

    private func list() -> String {
        "<dl><dt>Server Module List</dt>" + modules.map { "<dd>\($0.source)</dd>" }.joined() + "</dl><hr />"
    }

    private func moduleDetails() -> String {
        "<dl>" + modules.compactMap { details(of: $0.source) }.joined() + "</dl>"
    }

    /// Nil: no such module.
    private func details(of source: String) -> String? {
        guard let module = modules.first(where: { $0.source == source }) else { return nil }
        let name = Markup.escaped(source)
        var text = "<dt><a name=\"\(name)\"><strong>Module Name:</strong></a> <font size=\"+1\"><tt>"
        text += "<a href=\"?\(name)\">\(name)</a></tt></font></dt>\n"
        text += "<dt><strong>Version:</strong> <tt>\(Markup.escaped(module.version)), \(Markup.escaped(module.toolchain))</tt></dt>\n"
        if !module.file.isEmpty { text += "<dt><strong>File:</strong> <tt>\(Markup.escaped(module.file))</tt></dt>\n" }
        text += participation(module)
        text += directives(module)
        text += "<dt><strong>Current Configuration:</strong></dt>\n"
        let lines = ConfigurationLines(host).lines(of: module.name)
        text += lines.isEmpty ? "<dd><tt><em>none</em></tt></dd>\n" : lines.joined(separator: "\n") + "\n"
        return text + notes(source)
    }

    private func participation(_ module: ModuleFacts) -> String {
        var names: [String] = []
        host.eachCallback { hook, owner, _ in
            if owner.string == module.name, names.last != hook.string { names.append(hook.string) }
        }
        let list = names.isEmpty ? "<em>none</em>" : names.map { "<tt>\(Markup.escaped($0))</tt>" }.joined(separator: ", ")
        return "<dt><strong>Hooks:</strong> \(list)</dt>\n"
    }

    private func directives(_ module: ModuleFacts) -> String {
        var lines = ""
        host.eachDirective(of: request.pool.copy(module.name)) { name, help, isSection in
            let shown = isSection ? "&lt;\(Markup.escaped(name.string))&gt;" : Markup.escaped(name.string)
            lines += "<dd><tt>\(shown) - <i>\(Markup.escaped(help.string))</i></tt></dd>\n"
        }
        return "<dt><strong>Module Directives:</strong>\(lines.isEmpty ? " <tt>none</tt>" : "")</dt>\(lines)\n"
    }

    private func notes(_ source: String) -> String {
        let notes = request.serverConf(InfoConf.self).pointee.notes.filter { $0.module == source }
        guard !notes.isEmpty else { return "" }
        return "<dt><strong>Additional Information:</strong>\n</dt>" + notes.map { "<dd>\($0.markup)</dd>" }.joined()
    }

    // MARK: The other pages

    private func configuration() -> String {
        "<dl><dt><strong>Configuration:</strong></dt>\n" + ConfigurationLines(host).lines(of: nil).joined(separator: "\n") + "</dl><hr />\n"
    }

    private func settings() -> String {
        let server = request.server
        let port = request.number(APUS_R_SERVER_PORT)
        let limit = server.timeoutMicroseconds / 1_000_000
        let facts = [
            ("Server Version", request.get(APUS_R_SERVER_SOFTWARE).string), ("Product", host.version.string),
            ("Hostname/port", "\(request.get(APUS_R_SERVER_NAME).string):\(port)"), ("Timeout", "\(limit)"),
            ("MPM Name", "event"), ("Workers", "\(host.workerCount)"), ("Generation", "\(host.generation)"),
            ("Server Root", host.serverRoot.string), ("Config File", configurationFile()),
        ]
        let lines = facts.map { "<dt><strong>\($0.0):</strong> <tt>\(Markup.escaped($0.1))</tt></dt>\n" }.joined()
        return "<h2><a name=\"server\">Server Settings</a></h2><dl>\(lines)</dl><hr />\n"
    }

    /// Where the first line of the configuration stands.
    private func configurationFile() -> String {
        var file = ""
        host.eachConfigurationLine { if file.isEmpty { file = $0.file.string } }
        return file
    }

    private func hooks() -> String {
        var text = "<h2><a name=\"hooks\">Hooks</a></h2>\n<dl>"
        var current = ""
        host.eachCallback { hook, module, position in
            if hook.string != current {
                text += current.isEmpty ? "" : "</tt></dt>\n"
                current = hook.string
                text += "<dt><strong>\(Markup.escaped(current)):</strong><br /><tt>\n"
            }
            let source = Markup.escaped(ModuleFacts.source(of: module.string))
            let place = position == Int32.min ? "first of all" : position == Int32.max ? "last of all" : "\(position)"
            text += "&nbsp;&nbsp; \(place) <a href=\"?\(source)\">\(source)</a> <br/>"
        }
        return text + (current.isEmpty ? "" : "</tt></dt>\n") + "</dl><hr />\n"
    }

    private func providers() -> String {
        var text = "<h2><a name=\"providers\">Providers</a></h2>\n<dl>"
        var current = ""
        host.eachProvider { group, name, module in
            if group.string != current {
                text += current.isEmpty ? "" : "</dt>\n"
                current = group.string
                let parts = current.split(separator: "/").map { Markup.escaped(String($0)) }
                text += "<dt><strong>\(parts.first ?? "")</strong> (version <tt>\(parts.last ?? "")</tt>):<br />\n"
            }
            text += "<tt>&nbsp;&nbsp;\(Markup.escaped(name.string))</tt> (\(Markup.escaped(ModuleFacts.source(of: module.string))))<br/>"
        }
        return text + (current.isEmpty ? "" : "</dt>\n") + "</dl><hr />\n"
    }
}

/// A module as the pages name it: by the source file that httpd's module of that name has.
struct ModuleFacts {
    let name: String
    let version: String
    let file: String
    let toolchain: String

    var source: String { ModuleFacts.source(of: name) }

    static func source(of name: String) -> String {
        guard name.hasSuffix("_module") else { return name }
        let short = name.dropLast(7)
        return short == "core" ? "core.c" : "mod_\(short).c"
    }
}

enum Markup {
    static func escaped(_ text: String) -> String {
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "&": result += "&amp;"
            case "\"": result += "&quot;"
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }
}
