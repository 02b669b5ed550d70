import Testing

@testable import Host

struct OptionsTests {
    private static func parse(_ line: String) throws -> Options {
        try Options(arguments: line.split(separator: " ").map(String.init))
    }

    @Test(
        arguments: [
            ("", .serve),
            ("-k start", .serve),
            ("-k restart", .control(.restart)),
            ("-kgraceful-stop", .control(.gracefulStop)),
            ("-DFOREGROUND -f/path", .serve),
            ("-t", .check),
            ("-tT -f x", .check),
            ("-t -k stop", .check),
            ("-S", .dump([.vhosts, .runConfiguration])),
            ("-M", .dump([.modules])),
            ("-tSM", .dump([.vhosts, .runConfiguration, .modules])),
            ("-t -D DUMP_INCLUDES", .dump([.includes])),
            ("-DDUMP_CONFIG", .dump([.config])),
            ("-v", .showVersion),
            ("-V -t", .showBuild),
            ("-h -v", .showUsage),
            ("-l", .listBuiltInModules),
            ("-L", .listDirectives),
            ("-M -v", .dump([.modules])),
            ("-vM", .dump([.modules])),
            ("-v -S", .showVersion),
            ("--version", .showVersion),
            ("--help", .showUsage),
            ("-t --", .check),
        ] as [(String, Options.Action)])
    func findsTheAction(line: String, action: Options.Action) throws {
        #expect(try Self.parse(line).action == action)
    }

    @Test func takesValuesJoinedAndApart() throws {
        let options = try Self.parse(
            "-DA -D B -DA -f/x -d /root -Cone -C two -c three -e WARN -E log -R mods -T")
        #expect(options.defines == ["A", "B"])
        #expect(options.configFile == "/x")
        #expect(options.serverRoot == "/root")
        #expect(options.directivesBefore == ["one", "two"])
        #expect(options.directivesAfter == ["three"])
        #expect(options.startupLogLevel == .warn)
        #expect(options.startupLogFile == "log")
        #expect(options.moduleDirectory == "mods")
        #expect(!options.checksDocumentRoots)
        #expect(!options.isVerbose)
    }

    @Test func takesDirectivesWithSpaces() throws {
        let options = try Options(arguments: ["-c", "Listen 80", "-t"])
        #expect(options.directivesAfter == ["Listen 80"])
        #expect(options.action == .check)
    }

    @Test(arguments: [
        ("-X", true, true), ("-DDEBUG", true, true), ("-DFOREGROUND", false, true), ("-D ONE", false, false),
    ])
    func knowsForeground(line: String, isDebug: Bool, isForeground: Bool) throws {
        let options = try Self.parse(line)
        #expect(options.isDebug == isDebug)
        #expect(options.isForeground == isForeground)
    }

    @Test func listsModulesVerbosely() throws {
        #expect(try Self.parse("-M -v").isVerbose)
        #expect(try !Self.parse("-M").isVerbose)
    }

    @Test(arguments: [
        ("-Q", "unknown option -Q"),
        ("-tQ", "unknown option -Q"),
        ("--quiet", "unknown option --quiet: options are single letters"),
        ("stray", "\"stray\" is no option: options begin with -"),
        ("-t -- stray", "\"stray\" is not expected: everything is given with options"),
        ("-", "\"-\" is no option: options begin with -"),
        ("-f", "-f needs a value"),
        ("-t -D", "-D needs a value"),
        ("-k", "-k needs a value"),
        (
            "-k foo",
            "\"foo\" is no command for -k: it is one of start, restart, graceful, graceful-stop, stop"
        ),
    ])
    func refuses(line: String, message: String) {
        #expect(throws: OptionsError(message)) { try Self.parse(line) }
        #expect(OptionsError.exitStatus == 1)
    }

    @Test func refusesUnknownLevels() {
        #expect(throws: OptionsError.self) { try Self.parse("-e loud") }
    }

    @Test func namesEveryOptionInTheUsage() {
        let usage = Options.usage(program: "apus")
        for letter in "DdfCcekERvVhlLtTSMX" {
            #expect(usage.contains("-\(letter)"))
        }
        #expect(usage.split(separator: "\n").allSatisfy { $0.count <= 90 })
    }
}
