/// The error logs that the servers of a configuration name.
enum ErrorLogs {
    /// Has each opened, or checked, by `open`, and given to its server. False: some cannot be, which has been told.
    static func each(
        _ runtime: Runtime, _ open: (_ target: String, _ resolve: (String) -> String) throws(SystemProblem) -> LogSink.Ref
    ) -> Bool {
        var failed: Set<String> = []
        for draft in runtime.configuration.servers {
            let core = draft.server.pointee.core.pointee
            let target = core.errorLog.isSet ? core.errorLog.string : "logs/error_log"
            do throws(SystemProblem) {
                let sink = try open(target, runtime.configuration.resolve)
                guard sink.pointee.fd >= 0 else { continue }
                draft.server.pointee.errorLog = sink
                if draft === runtime.configuration.main { ErrorLog.standard = sink }
            } catch {
                // Virtual hosts may share the log of the main server.
                guard failed.insert(target).inserted else { continue }
                tell(target, error, draft.errorLogLocation ?? runtime.configuration.main.errorLogLocation, runtime)
            }
        }
        return failed.isEmpty
    }

    private static func tell(_ target: String, _ problem: SystemProblem, _ location: SourceLocation?, _ runtime: Runtime) {
        let isSystem = SystemLog.isMeant(by: target)
        Program.complain(
            "\(location.map { "\($0): " } ?? "")error: ErrorLog: cannot open "
                + "\(isSystem ? target : runtime.configuration.resolve(target)): \(problem.description)\n"
                + "  hint: \(isSystem ? "start the log daemon, or log to a file" : "create the directory, or correct the path")\n")
    }
}
