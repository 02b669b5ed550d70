import ByteKit
import Glibc
import ModuleABI

/// What the command does, from its arguments to its exit status.
enum Program {
    static func run(_ arguments: [String]) -> Int32 {
        // A client that goes away must be an error of a write, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        StandardStreams.makeSure()
        let options: Options
        do throws(OptionsError) {
            if let command = try Subcommand.named(by: arguments) { return command.run(Array(arguments.dropFirst())) }
            options = try Options(arguments: arguments)
        } catch {
            complain("apus: \(error.message)\n\(Options.usage(program: "apus"))")
            return OptionsError.exitStatus
        }
        if let level = options.startupLogLevel { ErrorLog.startupLevel = level.number }
        return perform(options, arguments)
    }

    private static func perform(_ options: Options, _ arguments: [String]) -> Int32 {
        let installation = Installation()
        switch options.action {
        case .showUsage:
            say(Options.usage(program: "apus"))
            return 0
        case .showVersion:
            say(About.version)
            return 0
        case .showBuild:
            say(About.build(installation))
            return 0
        case .listBuiltInModules:
            say("Compiled in modules:\n" + ["core", "mod_so", "http_core", "event", "mod_version", "mod_unixd", "mod_macro"].map { "  \($0).c\n" }.joined())
            return 0
        case .listDirectives, .check, .dump, .serve, .control, .explain: break
        }
        do throws(HandoverProblem) {
            if let handover = try Handover.receive() { return lead(options, installation, handover) }
        } catch {
            complain("apus: \(error.message)\n")
            return 1
        }
        // What serves is a generation, which the supervisor starts; with -X there is one process for all.
        if options.action == .serve, !options.isDebug { return Supervisor.run(options, arguments) }
        guard openStartupLog(options) else { return 1 }
        let runtime = Runtime(options, installation, nil)
        runtime.configure()
        return perform(runtime, arguments)
    }

    /// A generation under a supervisor, whatever the arguments asked the supervisor itself for.
    private static func lead(_ options: Options, _ installation: Installation, _ handover: Handover) -> Int32 {
        guard openStartupLog(options) else { return 1 }
        CrashReport.toConsole()
        let runtime = Runtime(options, installation, handover)
        runtime.configure()
        report(runtime.diagnostics)
        return runtime.diagnostics.hasErrors ? 1 : Leader(runtime).run()
    }

    static func openStartupLog(_ options: Options) -> Bool {
        if let file = options.startupLogFile {
            do throws(SystemProblem) {
                ErrorLog.standard = try LogSinks.open(file) { $0 }
            } catch {
                complain("apus: cannot open \(file): \(error.description)\n")
                return false
            }
        }
        return true
    }

    private static func perform(_ runtime: Runtime, _ arguments: [String]) -> Int32 {
        let diagnostics = runtime.diagnostics
        // A server is stopped whatever has become of its configuration.
        if case .control(let verb) = runtime.options.action, verb == .stop || verb == .gracefulStop {
            return Control.perform(verb, runtime) ?? 0
        }
        if runtime.options.writesJSON { return checkForPrograms(runtime) }
        report(diagnostics)
        guard !diagnostics.hasErrors else { return 1 }
        switch runtime.options.action {
        case .listDirectives: say(Dumps.directives(runtime))
        case .check:
            let isFine = openForCheck(runtime)
            report(runtime.openDiagnostics)
            guard isFine else { return 1 }
            complain("Syntax OK\n")
        case .dump(let dumps):
            for dump in dumps { say(Dumps.text(dump, runtime)) }
            if dumps.contains(.modules), let report = Control.moduleReport(runtime) { say(report) }
        case .control(let verb):
            if let status = Control.perform(verb, runtime) { return status }
            return startAnew(arguments)
        default: return Leader(runtime).run()
        }
        return 0
    }

    /// Whether everything can be opened that the configuration names.
    private static func openForCheck(_ runtime: Runtime) -> Bool {
        let areLogsFine = ErrorLogs.each(runtime) { target, resolve throws(SystemProblem) in try LogSinks.check(target, resolve: resolve) }
        return runtime.open(APUS_OPEN_CHECK) && areLogsFine
    }

    private static func checkForPrograms(_ runtime: Runtime) -> Int32 {
        let isFine = !runtime.diagnostics.hasErrors && openForCheck(runtime)
        say(DiagnosticsJSON.render(runtime.diagnostics.all + runtime.openDiagnostics.all))
        return isFine ? 0 : 1
    }

    /// Nothing ran that the verb could be about: this process has read the configuration and loaded modules, which a
    /// supervisor must not have, and begins again as one that starts.
    private static func startAnew(_ arguments: [String]) -> Int32 {
        var kept = arguments
        if let at = kept.firstIndex(where: { $0.hasPrefix("-k") }) { kept.removeSubrange(at...(kept[at] == "-k" ? min(at + 1, kept.count - 1) : at)) }
        let program = ProgramPath.find()
        execute(program, [CommandLine.arguments[0], "-k", "start"] + kept)
        complain("apus: cannot start \(program): \(systemError(errno))\n")
        return 1
    }

    /// Shows everything that was found, and how many errors there are.
    static func report(_ diagnostics: Diagnostics) {
        if !diagnostics.all.isEmpty { complain(diagnostics.render()) }
        let count = diagnostics.errorCount
        if count > 0 { complain("\(count == 1 ? "1 error" : "\(count) errors") in the configuration\n") }
    }

    static func say(_ text: String) { write(text, STDOUT_FILENO) }
    static func complain(_ text: String) { write(text, STDERR_FILENO) }

    static func write(_ text: String, _ fd: Int32) {
        var text = text
        text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                let count = Glibc.write(fd, rest.baseAddress, rest.count)
                guard count > 0 else { return }
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
            }
        }
    }
}
