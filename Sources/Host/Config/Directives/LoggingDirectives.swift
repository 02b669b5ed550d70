import ByteKit
import ModuleABI

/// Where messages go and how many.
extension CoreDirectives {
    static var logging: [DirectiveEntry] {
        [
            directive("ErrorLog", 1...1, in: server, "file, |command, syslog[:facility[:tag]] or journald[:tag]") {
                context, words throws(DirectiveProblem) in
                guard !SystemLog.isMeant(by: words[0].text) || SystemLog(words[0].text) != nil else {
                    throw DirectiveProblem(
                        "\"\(words[0].text)\" names no facility of syslog", hint: "facilities are \(SystemLog.facilityNames)", at: words[0].location)
                }
                context.coreServer.pointee.errorLog = context.bytes(words[0])
                context.scope.server.errorLogLocation = context.node.location
            },
            directive("LogLevel", 1...APUS_MANY, in: APUS_IN_SERVER | inSections, "[module:]level …", setLogLevel),
        ]
    }

    private static func setLogLevel(_ context: DirectiveContext, _ words: [Word]) throws(DirectiveProblem) {
        let count = context.builder.runtime.modules.count
        let table = context.arena.allocate(Int8.self, count: count)
        table.initialize(repeating: -1, count: count)
        var levels = LogLevels(standard: LogLevelName.warn.number, modules: nil, moduleCount: Int32(count))
        for word in words {
            let parts = word.text.split(separator: ":", maxSplits: 1)
            guard let name = parts.last, let level = LogLevelName(String(name)) else {
                throw DirectiveProblem(
                    "\"\(word.text)\" is no level", hint: "levels are emerg, alert, crit, error, warn, notice, info, debug, trace1 … trace8",
                    at: word.location)
            }
            guard parts.count == 2 else {
                levels.standard = level.number
                continue
            }
            guard let module = named(String(parts[0]), context) else {
                throw DirectiveProblem(
                    "no module \"\(parts[0])\" is loaded", hint: "apus -M lists the modules", at: word.location)
            }
            table[module.index] = Int8(level.number)
        }
        levels.modules = UnsafePointer(table)
        let frozen = UnsafePointer(context.arena.new(levels))
        if context.scope.kind == .server || context.scope.kind == .vhost {
            context.coreServer.pointee.logLevels = frozen
        } else {
            context.coreDir.pointee.logLevels = frozen
        }
    }

    /// httpd takes "ssl", "ssl_module" and "mod_ssl.c".
    private static func named(_ name: String, _ context: DirectiveContext) -> LoadedModule? {
        var stem = Substring(name)
        if stem.hasSuffix(".c") { stem = stem.dropLast(2) }
        if stem.hasPrefix("mod_") { stem = stem.dropFirst(4) }
        let runtime = context.builder.runtime
        if let module = runtime.modules.first(where: { $0.name == name || $0.shortName == stem }) { return module }
        // What are modules of their own in httpd is the core here.
        return ModuleLoader.isBuiltIn(name) || ModuleLoader.isBuiltIn("\(stem)_module") ? runtime.core : nil
    }
}
