import ByteKit
import Glibc
import ModuleABI

/// Runs the cases of a file through rewrite rules: a server is configured with the rules, and each request goes through its
/// phases as a dry run.
struct RewriteTest {
    enum Status {
        static let passed: Int32 = 0
        static let failed: Int32 = 1
        static let unusable: Int32 = 2
    }

    private let options: RewriteTestOptions

    init(_ options: RewriteTestOptions) { self.options = options }

    func run() throws(OptionsError) -> Int32 {
        let diagnostics = Diagnostics()
        let file = RewriteCaseFile(options.cases, diagnostics)
        guard !diagnostics.hasErrors else { return unusable(diagnostics) }
        let site: RewriteTestSite
        do throws(SystemProblem) {
            site = try RewriteTestSite(options, files: file.files)
        } catch {
            Program.complain("apus rewrite: cannot make the site: \(error.description)\n")
            return Status.unusable
        }
        defer { site.remove() }
        let runtime = Runtime(try site.serverOptions(), Installation(), nil)
        runtime.configure()
        guard !runtime.diagnostics.hasErrors, let hosts = runtime.configuration.hosts else { return unusable(runtime.diagnostics) }
        if !runtime.diagnostics.all.isEmpty { Program.complain(runtime.diagnostics.render()) }
        DryRun.prepare(runtime, hosts)
        let trials = file.cases.map { RewriteTrial($0, site) }
        report(trials)
        return trials.allSatisfy(\.hasPassed) ? Status.passed : Status.failed
    }

    private func unusable(_ diagnostics: Diagnostics) -> Int32 {
        if options.writesJSON {
            Program.say(DiagnosticsJSON.render(diagnostics.all))
        } else {
            Program.report(diagnostics)
        }
        return Status.unusable
    }

    private func report(_ trials: [RewriteTrial]) {
        if options.writesJSON { return Program.say(RewriteReport.json(trials, traces: options.traces)) }
        for trial in trials where !trial.hasPassed {
            Program.say(RewriteReport.line(trial))
            if options.traces { for line in trial.trace { Program.say("    \(line)\n") } }
        }
        Program.say(RewriteReport.summary(trials))
    }
}
