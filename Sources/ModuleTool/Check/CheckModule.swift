import ByteKit
import CModuleTool
import CSystem
import Glibc
import ModuleABI

/// `apus module check`: a module in a strict host, a verdict at the end.
enum CheckModule {
    private static let usage = """
        Usage: apus module check [--handler NAME,…] [--module NAME,…] [--quiet] FILE…

        Tries each module in a host that takes nothing for granted, in processes of their own: strings and memory that end
        where a page ends and are closed when their time is over, words and requests that nobody expects, threads that
        calls may not be made on, clients that go away, allocations and registrations that are refused. --handler names
        what its handler answers to, when that is not the module's own name, --module which modules of a file to try when it
        holds several. --quiet shows errors and the verdict alone.
        Ends with 0 when no error was found, else with 1.

        """

    static func run(_ arguments: [String]) throws -> Int32 {
        let words = try Words(arguments, valued: ["--handler", "--module"], flags: ["--quiet"], usage: usage)
        guard !words.plain.isEmpty else { throw Problem(usage, status: Problem.usage) }
        let handlers = words.values["--handler"].map { $0.split(separator: ",").map(String.init) } ?? []
        var status: Int32 = 0
        for file in words.plain {
            let module = try ModuleFile(file)
            let names: [String]
            do {
                guard module.hasEntry else { throw Problem("it exports no \(ModuleFile.entryName)") }
                names = try words.values["--module"].map { $0.split(separator: ",").map(String.init) } ?? module.namesOrAsk()
            } catch let problem as Problem {
                say("\(file)\n\nerror: \(problem.message)\n\nverdict: not fit to be loaded\n")
                status = 1
                continue
            }
            for name in names {
                let report = try check(module, name, handlers)
                say(report.text(quiet: words.flags.contains("--quiet")))
                if report.hasErrors { status = 1 }
            }
        }
        return status
    }

    private static func check(_ module: ModuleFile, _ name: String, _ handlers: [String]) throws -> Report {
        let record = try SharedRecord()
        var report = Report(module: module, name: name)
        for remark in ModuleInfo.remarks(module) {
            let severity: Finding.Severity = remark.hasPrefix("exports ") ? .warning : .error
            report.findings.append(Finding(severity: severity, code: remark.hasPrefix("exports ") ? "exports" : "image", stage: "reading the file", text: remark))
        }
        let first = try Trials.loading.run(module, name, record)
        report.add(first)
        guard !report.hasErrors else { return report }
        let names = Candidate.handlerNames(module, name, handlers)
        for trial in Trials.all(first, names) { report.add(try trial.run(module, name, record)) }
        return report
    }
}

/// The trials in their order.
enum Trials {
    /// The file, its descriptor and what it registers: what the other trials are made from.
    static var loading: Trial {
        Trial(name: "loading") { candidate in
            guard candidate.load() else { return }
            theFake.stage("asking for a module that there is not")
            if candidate.ask("no_such_module") != nil { theFake.report(.error, "entry", "answers to a name that is not its own") }
            theFake.stage("asking for the first module")
            if candidate.ask("") == nil { theFake.report(.warning, "entry", "does not answer to the empty name: a wrong LoadModule line cannot say what it holds") }
            describe(candidate)
            let threads = cs_thread_count()
            let status = candidate.attach()
            if status < 0 {
                theFake.report(.error, "attach-failed", "attach answers \(status)\(theFake.lastLog.isEmpty ? "" : "; it logged: \(theFake.lastLog)")")
            }
            if cs_thread_count() > threads { theFake.report(.error, "threads-before-fork", "starts a thread in attach") }
            theFake.fact("optional", candidate.optional.joined(separator: " "))
            theFake.fact("directives", "\(candidate.directives.count)")
            theFake.fact("hooks", "\(theFake.hooks.count)")
            theFake.fact("filters", "\(theFake.filters.count)")
            theFake.fact("providers", "\(theFake.providers.count)")
            theFake.fact("values", "\(theFake.values.count)")
            for hook in theFake.hooks { theFake.fact("hook", "\(hook.name)\(flags(hook.flags))") }
            for filter in theFake.filters { theFake.fact("filter", "\(String(cString: filter.name)) (\(filter.direction == UInt32(APUS_OUTPUT) ? "output" : "input"))") }
            for provider in theFake.providers { theFake.fact("provider", "\(provider.group) \(provider.name)") }
            for (name, function) in theFake.functions { theFake.fact("function", "\(name) \(function.signature)") }
            for value in theFake.values { theFake.fact("expression", value.name) }
            theFake.fact("uses", theFake.usedIds.joined(separator: " "))
            candidate.detach()
        }
    }

    private static func flags(_ flags: UInt32) -> String {
        let names = [(UInt32(APUS_HOOK_MAY_BLOCK), "MAY_BLOCK"), (UInt32(APUS_HOOK_MAY_SUSPEND), "MAY_SUSPEND"), (UInt32(APUS_HOOK_EXPLAINABLE), "EXPLAINABLE"), (UInt32(APUS_HOOK_INITIAL_ONLY), "INITIAL_ONLY")]
        let set = names.filter { flags & $0.0 != 0 }.map(\.1)
        return set.isEmpty ? "" : " (\(set.joined(separator: ", ")))"
    }

    private static func describe(_ candidate: Candidate) {
        guard let descriptor = candidate.descriptor else { return }
        func wrong(_ text: String) { theFake.report(.error, "descriptor", text) }
        if descriptor.size < UInt32(MemoryLayout<apus_module>.size) { wrong("size is \(descriptor.size); apus_module has \(MemoryLayout<apus_module>.size) bytes") }
        if descriptor.abi_major != UInt16(APUS_ABI_MAJOR) || descriptor.abi_minor_min > UInt16(APUS_ABI_MINOR) {
            wrong("it needs ABI \(descriptor.abi_major).\(descriptor.abi_minor_min); this is \(APUS_ABI_MAJOR).\(APUS_ABI_MINOR)")
        }
        let name = candidate.text(descriptor.name) ?? ""
        if name != candidate.name { wrong("its name is \"\(name)\", and it answers to \(candidate.name)") }
        if !name.hasSuffix("_module") { theFake.report(.warning, "descriptor", "its name does not end in _module, as those of modules do") }
        for (what, operations) in [("server_conf", descriptor.server_conf), ("dir_conf", descriptor.dir_conf)] {
            guard let operations = operations?.pointee else { continue }
            if operations.size < UInt32(MemoryLayout<apus_conf_ops>.size) { wrong("\(what) has size \(operations.size); apus_conf_ops has \(MemoryLayout<apus_conf_ops>.size) bytes") }
        }
        if descriptor.attach == nil { wrong("there is no attach function") }
        if descriptor.flags & ~UInt32(APUS_MODULE_ONE_REQUEST) != 0 { wrong("flags has bits that no host knows") }
        if (candidate.text(descriptor.version) ?? "").isEmpty { theFake.report(.warning, "descriptor", "it has no version") }
        if (candidate.text(descriptor.toolchain) ?? "").isEmpty { theFake.report(.warning, "descriptor", "it does not say by what toolchain it was made") }
        for id in candidate.requires + candidate.optional where FakeTables.table(id) == nil { wrong("it names the extension \(id), which there is not") }
        for id in candidate.requires + candidate.optional where id.split(separator: "/").last?.hasPrefix("0.") == true {
            theFake.report(.note, "draft", "it uses the draft \(id), which may change with any release of the server")
        }
        if descriptor.n_directives > 0, descriptor.directive_stride < UInt32(MemoryLayout<apus_directive>.size) { wrong("directive_stride is \(descriptor.directive_stride); a row has \(MemoryLayout<apus_directive>.size) bytes") }
        theFake.fact("descriptor", "\(name) \(candidate.text(descriptor.version) ?? "?"), ABI \(descriptor.abi_major).\(descriptor.abi_minor_min), \(candidate.text(descriptor.toolchain) ?? "?")")
        var seen: Set<String> = []
        for row in candidate.directives { describe(row, candidate, &seen) }
    }

    private static func describe(_ row: apus_directive, _ candidate: Candidate, _ seen: inout Set<String>) {
        let name = candidate.text(row.name) ?? ""
        func wrong(_ text: String) { theFake.report(.error, "descriptor", "directive \(name.isEmpty ? "without a name" : name): \(text)") }
        if name.isEmpty || name.utf8.contains(where: { $0 <= 32 }) { wrong("a name has no blanks, and is there") }
        if !seen.insert(name.lowercased()).inserted { wrong("there are two of that name") }
        if row.handle == nil { wrong("it has no function") }
        if row.shape > UInt32(APUS_SHAPE_SECTION) { wrong("shape \(row.shape) is none") }
        if row.min_args > row.max_args { wrong("it takes at least \(row.min_args) words and at most \(row.max_args)") }
        if row.where == 0 { wrong("it may stand nowhere: `where` is 0") }
        if row.where & ~0x3f != 0 { wrong("`where` has bits that there are not") }
        if row.override_class & ~0x1f != 0 { wrong("`override_class` has bits that there are not") }
        if row.flags & ~0xf != 0 { wrong("`flags` has bits that there are not") }
        if row.flags & UInt32(APUS_DIRECTIVE_DIR_CONF) != 0, candidate.descriptor?.dir_conf?.pointee.create == nil { wrong("it wants the directory configuration, which the module has not") }
        if row.where & UInt32(APUS_IN_HTACCESS) != 0, row.override_class == 0 { theFake.report(.warning, "descriptor", "directive \(name): no class of AllowOverride admits it in .htaccess") }
        if (candidate.text(row.help) ?? "").isEmpty { theFake.report(.warning, "descriptor", "directive \(name): it has no help, which messages show") }
        theFake.fact("directive", "\(name)\(candidate.text(row.help).map { $0.isEmpty ? "" : ": \($0)" } ?? "")")
    }

    static func all(_ first: Trial.Outcome, _ handlers: [String]) -> [Trial] {
        func count(_ name: String) -> Int { first.facts.first { $0.name == name }.flatMap { Int($0.value) } ?? 0 }
        let optional = first.facts.first { $0.name == "optional" }?.value.split(separator: " ").map(String.init) ?? []
        var trials = (0..<min(registrations(first), 6)).map(refused)
        trials += [lifecycle, merging]
        trials += (0..<count("directives")).map { directive($0, handlers) }
        trials += (0..<count("hooks")).map { hook($0, handlers) } + [whole(handlers)]
        trials += (0..<count("filters")).map(filter)
        trials += (0..<count("providers")).map(provider)
        if count("values") > 0 { trials.append(expressions) }
        trials += (0..<count("hooks")).map { cancelled($0, handlers) }
        // Refusals last: a crash that has shown before is not theirs.
        trials += optional.map { without($0, handlers) }
        trials += (0..<5).map { memory($0, handlers) }
        trials += (0..<count("hooks")).map { leaks($0, handlers) }
        return trials
    }

    private static func registrations(_ first: Trial.Outcome) -> Int {
        first.facts.filter { ["hook", "filter", "provider", "function", "expression"].contains($0.name) }.count
    }

    // MARK: Before requests

    private static func without(_ id: String, _ handlers: [String]) -> Trial {
        Trial(name: "without \(id)", absent: id) { candidate in
            theFake.offered = Set(FakeTables.ids).subtracting([id])
            guard candidate.load() else { return }
            let status = candidate.attach()
            if status < 0 { theFake.report(.warning, "null-table", "attach fails on a host without \(id), which the descriptor calls optional") }
            guard status >= 0 else { return }
            candidate.configure()
            candidate.open(UInt32(APUS_OPEN_START))
            theFake.phase = .serving
            candidate.void("child_init")
            for hook in candidate.requestHooks { candidate.serve(hook, handlers, [OddInputs.requests[0], OddInputs.requests[9]]) }
        }
    }

    private static func refused(_ index: Int) -> Trial {
        Trial(name: "a refused registration") { candidate in
            guard candidate.load() else { return }
            theFake.registrationsLeft = index
            let status = candidate.attach()
            theFake.stage("attach, registration \(index + 1) refused")
            if status >= 0, theFake.refused > 0 { theFake.report(.warning, "ignored-refusal", "attach answers \(status) although the host refused a registration") }
        }
    }

    private static var lifecycle: Trial {
        Trial(name: "lifecycle") { candidate in
            guard candidate.load(), candidate.attach() >= 0 else { return }
            candidate.configure()
            let (files, threads) = (descriptors(), cs_thread_count())
            candidate.open(UInt32(APUS_OPEN_CHECK))
            if descriptors() > files { theFake.report(.error, "check-makes", "opens a file with reason CHECK") }
            if theFake.madeShared { theFake.report(.error, "check-makes", "makes shared memory, or starts a program, with reason CHECK") }
            candidate.open(UInt32(APUS_OPEN_START))
            if cs_thread_count() > threads { theFake.report(.error, "threads-before-fork", "starts a thread before workers are forked") }
            theFake.phase = .serving
            candidate.void("child_init")
            for _ in 0..<20 where theFake.tasks.turn() {}
            candidate.void("child_exit")
            candidate.detach()
            theFake.stage("the end of the configuration")
            for pool in candidate.confPools { pool.destroy() }
            theFake.configurationPool.destroy()
        }
    }

    private static var merging: Trial {
        Trial(name: "merging") { candidate in
            guard candidate.load(), candidate.attach() >= 0 else { return }
            candidate.configure()
            for isServer in [true, false] {
                guard let base = candidate.create(isServer, UInt32(APUS_SCOPE_SERVER)), let over = candidate.create(isServer, isServer ? UInt32(APUS_SCOPE_VHOST) : UInt32(APUS_SCOPE_LOCATION))
                else { continue }
                let other = candidate.create(!isServer, UInt32(APUS_SCOPE_SERVER))
                _ = candidate.merge(isServer, base, over)
                func handle(_ directive: apus_directive, _ words: [[UInt8]], _ scope: UInt32, _ conf: UnsafeMutableRawPointer?) -> Bool {
                    let (server, dir) = isServer ? (conf, other?.conf) : (other?.conf, conf)
                    return candidate.handle(directive, words, scope, server, dir, quietly: true) == APUS_OK
                }
                for directive in candidate.directives {
                    for words in OddInputs.plausible(directive) { if handle(directive, words, UInt32(APUS_SCOPE_SERVER), base.conf) { break } }
                    for words in OddInputs.plausible(directive).reversed() { if handle(directive, words, UInt32(APUS_SCOPE_LOCATION), over.conf) { break } }
                }
                let once = candidate.merge(isServer, base, over)
                _ = candidate.merge(isServer, once, over)
                _ = candidate.merge(isServer, over, base)
            }
        }
    }

    private static func directive(_ index: Int, _ handlers: [String]) -> Trial {
        Trial(name: "directive \(index)") { candidate in
            guard candidate.load(), candidate.attach() >= 0 else { return }
            candidate.configure()
            let directive = candidate.directives[index]
            let scope = directive.flags & UInt32(APUS_DIRECTIVE_DIR_CONF) == 0 ? UInt32(APUS_SCOPE_SERVER) : UInt32(APUS_SCOPE_LOCATION)
            var followed = 0
            for words in OddInputs.all(directive) {
                theFake.phase = .configuration
                let (server, dir) = (candidate.create(true, UInt32(APUS_SCOPE_SERVER)), candidate.create(false, scope))
                guard candidate.handle(directive, words, scope, server?.conf, dir?.conf) == APUS_OK, followed < 6 else { continue }
                // What it kept is looked at again when the words have gone.
                followed += 1
                if followed == 1 {
                    candidate.open(UInt32(APUS_OPEN_START))
                    theFake.phase = .serving
                    candidate.void("child_init")
                    theFake.phase = .configuration
                }
                if let server, let outer = candidate.create(true, UInt32(APUS_SCOPE_SERVER)) { theFake.servers[0].serverConf = candidate.merge(true, outer, server).conf }
                if let dir, let outer = candidate.create(false, UInt32(APUS_SCOPE_SERVER)) { theFake.servers[0].dirConf = candidate.merge(false, outer, dir).conf }
                theFake.phase = .serving
                for hook in candidate.requestHooks { candidate.serve(hook, Array(handlers.prefix(6)), [OddInputs.requests[0]]) }
            }
        }
    }

    // MARK: Requests

    private static func hook(_ index: Int, _ handlers: [String]) -> Trial {
        Trial(name: "hook \(index)") { candidate in
            guard candidate.bringUp() else { return }
            let hook = theFake.hooks[index]
            if hook.signature == "i(xC)" || hook.signature == "v(xC)" { return connection(hook, candidate) }
            guard hook.signature == "i(xR)" || hook.signature == "v(xR)" else { return }
            candidate.serve(hook, handlers)
        }
    }

    private static func connection(_ hook: FakeHost.Hook, _ candidate: Candidate) {
        theFake.stage("hook \(hook.name)")
        let connection = FakeConnection(8)
        typealias Fn = @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?) -> apus_status
        _ = unsafeBitCast(hook.fn, to: Fn.self)(hook.ctx, connection.handle)
        connection.end()
    }

    private static func whole(_ handlers: [String]) -> Trial {
        Trial(name: "whole requests") { candidate in
            guard candidate.bringUp() else { return }
            for handler in [""] + handlers.prefix(8) {
                for odd in OddInputs.requests { candidate.serveWhole(odd, handler) }
            }
            theFake.fact("uses", theFake.usedIds.joined(separator: " "))
        }
    }

    private static func filter(_ index: Int) -> Trial {
        Trial(name: "filter \(index)") { candidate in
            guard candidate.bringUp() else { return }
            let filter = theFake.filters[index]
            guard filter.direction == UInt32(APUS_OUTPUT) else { return candidate.filterInput(filter) }
            let text = Array("<p>Hello, &amp; welcome</p>\n".utf8)
            candidate.filterOutput(filter, [text], isCut: false, label: "a body in one piece")
            candidate.filterOutput(filter, [[]], isCut: false, label: "an empty body")
            candidate.filterOutput(filter, text.map { [$0] }, isCut: false, label: "a body byte by byte")
            candidate.filterOutput(filter, [[UInt8](repeating: 0xff, count: 65536), [UInt8](repeating: 0, count: 65536), []], isCut: false, label: "large pieces")
            candidate.filterOutput(filter, [text, text], isCut: true, label: "a client that goes away")
            candidate.filterOutput(filter, [], isCut: true, label: "a body that never comes")
        }
    }

    private static func provider(_ index: Int) -> Trial {
        Trial(name: "provider \(index)") { candidate in
            guard candidate.bringUp() else { return }
            candidate.use(theFake.providers[index])
        }
    }

    private static var expressions: Trial {
        Trial(name: "expressions") { candidate in
            guard candidate.bringUp() else { return }
            theFake.values.forEach { candidate.evaluate($0) }
        }
    }

    private static func cancelled(_ index: Int, _ handlers: [String]) -> Trial {
        Trial(name: "a client that goes away, hook \(index)") { candidate in
            guard candidate.bringUp() else { return }
            let hook = theFake.hooks[index]
            guard hook.flags & UInt32(APUS_HOOK_MAY_SUSPEND) != 0, hook.signature == "i(xR)" else { return }
            candidate.serve(hook, Array(handlers.prefix(8)), [OddInputs.requests[0], OddInputs.requests[2]], cancelling: true)
        }
    }

    private static func memory(_ index: Int, _ handlers: [String]) -> Trial {
        Trial(name: "refused memory", isAboutMemory: true) { candidate in
            guard candidate.bringUp() else { return }
            for hook in candidate.requestHooks {
                for handler in [""] + handlers.prefix(6) {
                    theFake.stage("hook \(hook.name), allocation \(index + 1) and all after it refused")
                    theFake.allocationsLeft = nil
                    let request = candidate.makeRequest(OddInputs.requests[index % 2 == 0 ? 0 : 9], handler: handler)
                    theFake.allocationsLeft = index
                    candidate.invoke(hook, request)
                    candidate.end(request)
                }
            }
        }
    }

    private static func leaks(_ index: Int, _ handlers: [String]) -> Trial {
        Trial(name: "what is not given back, hook \(index)") { candidate in
            guard candidate.bringUp() else { return }
            let hook = theFake.hooks[index]
            guard hook.signature == "i(xR)" || hook.signature == "v(xR)" else { return }
            theFake.isLight = true
            func batch() {
                for handler in [""] + handlers.prefix(4) {
                    for odd in [OddInputs.requests[0], OddInputs.requests[9]] {
                        let request = candidate.makeRequest(odd, handler: handler)
                        candidate.invoke(hook, request)
                        // Whatever came of it, a request is logged: some give back there.
                        for last in theFake.hooks where last.name == "log_transaction" && hook.name != "log_transaction" { candidate.invoke(last, request) }
                        candidate.end(request)
                    }
                }
            }
            theFake.stage("hook \(hook.name), the same requests again and again")
            let begun = LoopStay.now()
            batch()
            // What holds the loop is told elsewhere, and would take too long here.
            guard LoopStay.now() - begun < 100_000_000 else { return }
            for _ in 0..<9 { batch() }
            let rounds = 30
            // The least of three: tables that double now and then are no leak.
            var grown = Int.max
            let files = descriptors()
            for _ in 0..<3 {
                let before = heap_in_use()
                for _ in 0..<rounds { batch() }
                grown = min(grown, Int(heap_in_use()) - Int(before))
            }
            if grown >= rounds * 8 { theFake.report(.error, "leak", "hook \(hook.name) leaves about \(grown / rounds) bytes behind for each \(2 * (1 + min(handlers.count, 4))) requests") }
            if descriptors() >= files + rounds { theFake.report(.error, "descriptor-leak", "hook \(hook.name) leaves descriptors open") }
        }
    }

    /// Open descriptors of this process.
    private static func descriptors() -> Int { Files.names(in: "/proc/self/fd").count }
}

/// What was found out about one module.
private struct Report {
    let module: ModuleFile
    let name: String
    var findings: [Finding] = []
    private var facts: [(name: String, value: String)] = []

    init(module: ModuleFile, name: String) {
        self.module = module
        self.name = name
    }

    var hasErrors: Bool { findings.contains { $0.severity == .error } }

    mutating func add(_ outcome: Trial.Outcome) {
        for fact in outcome.facts where !facts.contains(where: { $0 == fact }) { facts.append(fact) }
        for finding in outcome.findings where !isKnown(finding) && !isOldCrash(finding) { findings.append(finding) }
    }

    /// One flaw shows in many trials: the first is told.
    private func isKnown(_ finding: Finding) -> Bool {
        findings.contains { $0.code == finding.code && ($0.text == finding.text || isCrash(finding)) && $0.severity == finding.severity }
    }

    private func isCrash(_ finding: Finding) -> Bool { ["out-of-memory", "hang"].contains(finding.code) }

    /// A crash under a refusal that has shown without one, at the same place.
    private func isOldCrash(_ finding: Finding) -> Bool {
        guard ["out-of-memory", "null-table"].contains(finding.code), let place = finding.place else { return false }
        return findings.contains { $0.severity == .error && $0.code != finding.code && $0.place == place }
    }

    func text(quiet: Bool) -> String {
        var text = "\(module.path)\n"
        func row(_ title: String, _ values: [String]) {
            guard !values.isEmpty, !quiet else { return }
            text += "  \(title)\(String(repeating: " ", count: max(1, 12 - title.count)))\(values.joined(separator: ", "))\n"
        }
        func values(_ fact: String) -> [String] { facts.filter { $0.name == fact }.map(\.value) }
        row("module", values("descriptor").isEmpty ? [name] : values("descriptor"))
        for (fact, title) in [("hook", "hooks"), ("filter", "filters"), ("provider", "providers"), ("function", "functions"), ("expression", "expressions")] {
            row(title, values(fact))
        }
        for directive in values("directive") { row("directive", [directive]) }
        let uses = Set(values("uses").flatMap { $0.split(separator: " ").map(String.init) }).sorted()
        row("uses", uses.isEmpty ? [] : [uses.joined(separator: " ")])
        let shown = findings.filter { !quiet || $0.severity == .error }
        for severity in [Finding.Severity.error, .warning, .note] {
            for finding in shown where finding.severity == severity { text += describe(finding) }
        }
        let errors = findings.filter { $0.severity == .error }.count
        let warnings = findings.filter { $0.severity == .warning }.count
        let verdict = errors > 0 ? "not fit to be loaded" : warnings > 0 ? "fit, with warnings" : "fit"
        text += "\nverdict: \(name) is \(verdict)"
        if errors + warnings > 0 { text += " (\(errors) error\(errors == 1 ? "" : "s"), \(warnings) warning\(warnings == 1 ? "" : "s"))" }
        return text + "\n"
    }

    private func describe(_ finding: Finding) -> String {
        var text = "\n\(finding.severity.rawValue): \(finding.text) [\(finding.code)]\n"
        if !finding.stage.isEmpty { text += "  while: \(finding.stage)\n" }
        guard finding.severity != .note, let advice = Catalog.advice(finding.code) else { return text }
        return text + "  why:   \(advice.why)\n  help:  \(advice.remedy)\n"
    }
}
