import ModuleABI.Draft
@_spi(Draft) import ModuleKit

/// Rewrites the URLs of requests by rules with regular expressions.
final class Rewrite: Module {
    typealias ServerConf = RewriteServerConf
    typealias DirConf = RewriteDirConf

    static let info = ModuleInfo(
        "rewrite_module", version: "1.0", 
        requires: [
            APUS_EXT_REGEX, APUS_EXT_SUBREQUEST, APUS_EXT_TASKS, APUS_EXT_EXPR, APUS_EXT_SHM,
            APUS_EXT_MUTEX, APUS_EXT_PROGRAM,
        ])
    static let directives = rewriteDirectives

    init(_ host: Host) throws {
        let process = RewriteProcess(host)
        try host.hooks.optionalFunctions { process.findOthers() }
        try host.hooks.openConfig { reason, _ in
            guard reason != APUS_OPEN_CHECK else { return }
            process.findSlowPaths()
            try process.startPrograms()
        }
        try host.hooks.translateName(Order(.first, flags: [.maySuspend, .explainable])) { try rewriteForServer($0, process) }
        try host.hooks.fixups(Order(.first, before: ["dir_module"], flags: [.maySuspend, .explainable])) {
            try rewriteForDirectory($0, process)
        }
        try host.hooks.fixups(Order(.last, flags: .explainable)) { forceTypes($0, process) }
        try host.hooks.handler(Order(.middle, flags: .explainable)) { try redirectInternally($0) }
    }
}

/// What the hooks need of the process.
final class RewriteProcess {
    let host: Host
    let log: Log
    let software: Bytes
    let version: Bytes
    private(set) var slowPaths = SlowPaths()
    /// The TLS module's variables; nil: there is none.
    private(set) var tlsVariables: (UnsafePointer<apus_log_item_v1>, UnsafeMutableRawPointer?)?

    init(_ host: Host) {
        self.host = host
        log = host.log
        software = host.version
        version = host.pool.copy("\(host.raw.pointee.abi_major):\(host.raw.pointee.abi_minor)")
    }

    func findOthers() { tlsVariables = host.provider("log_item/1", Bytes("x"), as: apus_log_item_v1.self) }

    /// Where looking at files must not hold the loop.
    func findSlowPaths() {
        var files: [FileMap.Ref] = []
        for server in host.servers {
            let conf: UnsafeMutablePointer<RewriteServerConf> = server.conf()
            for map in conf.pointee.maps.elements {
                if case .file(let file, _) = map.source { files.append(file) }
            }
        }
        slowPaths = SlowPaths(used: host.servers.map(\.documentRoot) + files.map(\.pointee.path), in: host.pool)
        for file in files { file.pointee.isSlow = slowPaths.contain(file.pointee.path) }
    }

    /// The programs of maps of servers whose engine is on.
    func startPrograms() throws {
        var number = 0
        for server in host.servers {
            let conf: UnsafeMutablePointer<RewriteServerConf> = server.conf()
            for map in conf.pointee.maps.elements {
                guard case .program(let program) = map.source else { continue }
                number += 1
                guard conf.pointee.set.engine == .on else { continue }
                do {
                    try program.pointee.start(host, number: number)
                } catch {
                    host.report(
                        .error, code: "AH00654", place: map.place,
                        "mod_rewrite: could not start RewriteMap program \(program.pointee.words[0].string): \(error)")
                    throw AlreadyReported()
                }
            }
        }
    }

    /// What a request for a file would be; nil: nothing.
    func lookUp(file: Bytes, for request: Request) -> Request? { try? request.lookupFile(file) }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    Rewrite.descriptor(for: host, named: name)
}

extension RewriteProcess {
    /// Applies the rules from where the run stands. What a change comes to is each phase's own.
    func apply(
        _ run: inout Run, _ progress: UnsafeMutablePointer<Progress>, whenChanged finish: (Run) throws -> Status
    ) throws -> Status {
        takeAnswer(run, progress)
        let outcome = run.applyAll()
        if run.state.ends { progress.pointee.hasEnded = true }
        switch outcome {
        case .waiting: return try wait(run, progress)
        case .unchanged:
            run.trace.line(1, "pass through \(run.state.uri.string)")
            return .declined
        case .answered(let status):
            run.noteDecision(of: run.rules.baseAddress.map { $0 + run.state.index })
            run.leaveTraces()
            return .status(status)
        case .changed:
            run.noteDecision(of: run.state.lastRule)
            // Should it have to wait, no rule is applied again.
            run.state.index = run.rules.count
            do {
                return try finish(run)
            } catch Interruption.waiting {
                return try wait(run, progress)
            }
        }
    }
}
