/// What the command line asks for, in httpd's options.
struct Options {
    /// What a running server is told with `-k`.
    enum Verb: String, CaseIterable {
        case start
        case restart
        case graceful
        case gracefulStop = "graceful-stop"
        case stop
    }

    /// What is printed about a configuration instead of serving it.
    enum Dump: String, CaseIterable {
        case vhosts = "DUMP_VHOSTS"
        case runConfiguration = "DUMP_RUN_CFG"
        case modules = "DUMP_MODULES"
        case includes = "DUMP_INCLUDES"
        case config = "DUMP_CONFIG"
    }

    /// The one thing that the command does.
    enum Action: Equatable {
        case serve
        case control(Verb)
        /// `-t`: read the configuration, report and end.
        case check
        /// `-S`, `-M`, `-D DUMP_…`: read the configuration and print parts of it.
        case dump([Dump])
        case showVersion
        case showBuild
        case showUsage
        case listBuiltInModules
        case listDirectives
        /// `apus explain`
        case explain
    }

    /// All names given with `-D`, those of the dumps and of `-X` (`DEBUG`) included.
    private(set) var defines: [String] = []
    private(set) var serverRoot: String?
    private(set) var configFile: String?
    /// The directives of `-C`, read before the main file.
    private(set) var directivesBefore: [String] = []
    /// The directives of `-c`, read after the main file.
    private(set) var directivesAfter: [String] = []
    private(set) var startupLogLevel: LogLevelName?
    private(set) var startupLogFile: String?
    /// Where modules are looked for (`-R`).
    private(set) var moduleDirectory: String?
    /// Whether a missing DocumentRoot is reported; `-T` turns it off.
    private(set) var checksDocumentRoots = true

    /// `--json`: what `-t` finds is written as JSON.
    private(set) var writesJSON = false

    private var verb: Verb?
    private var checksOnly = false
    private var showsVersion = false
    private var information: Action?

    /// Reads the arguments, the program's own name not among them.
    init(arguments: [String]) throws(OptionsError) {
        var cursor = OptionCursor(arguments)
        while let option = try cursor.next() {
            try apply(option, &cursor)
        }
    }

    /// For a sub-command that reads a configuration as the server does, the options being about that.
    init(arguments: [String], for action: Action) throws(OptionsError) {
        try self.init(arguments: arguments)
        information = action
    }

    /// Information that needs no configuration wins over dumps, and dumps over `-t` and `-k`.
    var action: Action {
        let dumps = Dump.allCases.filter { defines.contains($0.rawValue) }
        if let information { return information }
        if showsVersion, !isVerbose { return .showVersion }
        if !dumps.isEmpty { return .dump(dumps) }
        if checksOnly { return .check }
        return verb.map { $0 == .start ? .serve : .control($0) } ?? .serve
    }

    /// Whether what the configuration names is looked at and neither opened nor made.
    var opensNothing: Bool { action == .check || action == .explain }

    /// `-v` beside `-M`: the modules are listed with all there is to say about them.
    var isVerbose: Bool { showsVersion && defines.contains(Dump.modules.rawValue) }

    /// `-X` or `-D DEBUG`: everything in one process and thread, attached to the terminal.
    var isDebug: Bool { defines.contains("DEBUG") }

    /// Whether the server stays attached to what started it.
    var isForeground: Bool { isDebug || defines.contains("FOREGROUND") }

    private mutating func apply(_ option: Character, _ cursor: inout OptionCursor) throws(OptionsError) {
        switch option {
        case "D": define(try cursor.value())
        case "d": serverRoot = try cursor.value()
        case "f": configFile = try cursor.value()
        case "C": directivesBefore.append(try cursor.value())
        case "c": directivesAfter.append(try cursor.value())
        case "e": startupLogLevel = try Self.parse(try cursor.value(), meaning: "level for -e")
        case "E": startupLogFile = try cursor.value()
        case "R": moduleDirectory = try cursor.value()
        case "k": verb = try Self.parse(try cursor.value(), meaning: "command for -k")
        default: try applyFlag(option)
        }
    }

    private mutating func applyFlag(_ option: Character) throws(OptionsError) {
        switch option {
        case "t": checksOnly = true
        case "j": (checksOnly, writesJSON) = (true, true)
        case "T": checksDocumentRoots = false
        case "S":
            define(Dump.vhosts.rawValue)
            define(Dump.runConfiguration.rawValue)
        case "M": define(Dump.modules.rawValue)
        case "X": define("DEBUG")
        case "v": showsVersion = true
        case "V": ask(.showBuild)
        case "h": ask(.showUsage)
        case "l": ask(.listBuiltInModules)
        case "L": ask(.listDirectives)
        default: throw OptionsError("unknown option -\(option)")
        }
    }

    private mutating func define(_ name: String) {
        if !defines.contains(name) { defines.append(name) }
    }

    /// Remembers a request for information; the first one is answered.
    private mutating func ask(_ action: Action) {
        information = information ?? (showsVersion && !isVerbose ? .showVersion : action)
    }

    private static func parse<Choice: RawRepresentable<String> & CaseIterable>(
        _ text: String, meaning: String
    ) throws(OptionsError) -> Choice {
        if let choice = Choice(rawValue: text.asciiLowered) { return choice }
        let choices = Choice.allCases.map(\.rawValue).joined(separator: ", ")
        throw OptionsError("\"\(text)\" is no \(meaning): it is one of \(choices)")
    }
}

/// The names of the levels that `-e` and `LogLevel` take.
enum LogLevelName: String, CaseIterable {
    case emerg, alert, crit, error, warn, notice, info, debug
    case trace1, trace2, trace3, trace4, trace5, trace6, trace7, trace8
}

extension LogLevelName {
    /// The level as the ABI counts: 0 is emerg.
    var number: Int32 { Int32(Self.allCases.firstIndex(of: self) ?? 0) }

    /// The level of that name, whatever its case.
    init?(_ name: String) { self.init(rawValue: name.asciiLowered) }
}
