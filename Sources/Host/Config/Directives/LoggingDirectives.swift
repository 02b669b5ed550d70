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
            directive("ErrorLogFormat", 1...2, in: server, "[connection|request] format, json or json:name=format …", setErrorLogFormat),
            directive("LogLevel", 1...APUS_MANY, in: APUS_IN_SERVER | inSections, "[module:]level …", setLogLevel),
        ]
    }

    /// One word is the format of messages. With two the first says before which messages a line of its own stands.
    private static func setErrorLogFormat(_ context: DirectiveContext, _ words: [Word]) throws(DirectiveProblem) {
        let formats = context.coreServer
        guard words.count == 2 else {
            let format = try errorLogFormat(context, words[0])
            guard format.hasMessage else {
                throw DirectiveProblem("the format lacks the message", hint: "put %M where it shall stand", at: words[0].location)
            }
            guard !format.items.contains(where: \.isRequired) else {
                throw DirectiveProblem(
                    "a + would leave messages out", hint: "it is for the formats of connections and requests; write - for a dash", at: words[0].location)
            }
            formats.pointee.errorLogFormats.main = UnsafePointer(context.arena.new(format))
            if context.scope.kind == .server { context.builder.configuration.errorLogFormat = words[0].bytes }
            return
        }
        switch words[0].text.asciiLowered {
        case "connection": try addErrorLogFormat(context, words[1], to: \.connection)
        case "request": try addErrorLogFormat(context, words[1], to: \.request)
        default:
            throw DirectiveProblem("\"\(words[0].text)\" is neither connection nor request", hint: "one word alone is the format of messages", at: words[0].location)
        }
    }

    /// Each line adds a format to those of its server.
    private static func addErrorLogFormat(
        _ context: DirectiveContext, _ word: Word, to path: WritableKeyPath<ErrorLogFormats, UnsafeBufferPointer<ErrorLogFormat>?>
    ) throws(DirectiveProblem) {
        let formats = context.coreServer
        let format = try errorLogFormat(context, word)
        guard !format.isEmpty else { throw DirectiveProblem("the format is empty", hint: "remove the line", at: word.location) }
        let before = formats.pointee.errorLogFormats[keyPath: path].map { Array($0) } ?? []
        formats.pointee.errorLogFormats[keyPath: path] = UnsafeBufferPointer(context.arena.copy(before + [format]))
    }

    private static func errorLogFormat(_ context: DirectiveContext, _ word: Word) throws(DirectiveProblem) -> ErrorLogFormat {
        do throws(ErrorLogFormatReader.Problem) {
            return try ErrorLogFormatReader.read(word.bytes, in: context.arena)
        } catch {
            throw DirectiveProblem(error.message, hint: error.hint, at: word.location)
        }
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
