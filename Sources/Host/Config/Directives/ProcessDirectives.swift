import ByteKit
import CSystem
import Glibc
import ModuleABI

/// Who the processes are, how many, and how they come and go.
extension CoreDirectives {
    static var process: [DirectiveEntry] { identity + places + workers + lives + sockets + idle }

    // MARK: Who

    private static var identity: [DirectiveEntry] {
        [
            directive("User", 1...1, in: global, "name or #number") { context, words throws(DirectiveProblem) in
                guard Identity.user(words[0].text) != nil else {
                    throw DirectiveProblem("there is no user \(words[0].text)", hint: "create it, or name another", at: words[0].location)
                }
                context.builder.configuration.user = words[0].text
            },
            directive("Group", 1...1, in: global, "name or #number") { context, words throws(DirectiveProblem) in
                guard Identity.group(words[0].text) != nil else {
                    throw DirectiveProblem("there is no group \(words[0].text)", hint: "create it, or name another", at: words[0].location)
                }
                context.builder.configuration.group = words[0].text
            },
            directive("ChrootDir", 1...1, in: global, "directory") { context, words throws(DirectiveProblem) in
                context.builder.configuration.chrootDirectory = try existingDirectory(context, words[0])
            },
            directive("Suexec", 1...1, in: global, "On|Off") { context, words throws(DirectiveProblem) in
                guard try context.flag(words[0]) == false else {
                    throw DirectiveProblem("this server has no suexec program", hint: "write Suexec Off, or remove the line", at: words[0].location)
                }
            },
        ]
    }

    // MARK: Where

    private static var places: [DirectiveEntry] {
        [
            directive("PidFile", 1...1, in: global, "file") { context, words in
                context.builder.configuration.pidFile = words[0].text
            },
            directive("DefaultRuntimeDir", 1...1, in: global, "directory") { context, words in
                context.builder.configuration.runtimeDirectory = words[0].text
            },
            directive("CoreDumpDirectory", 1...1, in: global, "directory") { context, words throws(DirectiveProblem) in
                context.builder.configuration.coreDumpDirectory = try existingDirectory(context, words[0])
            },
        ]
    }

    private static func existingDirectory(_ context: DirectiveContext, _ word: Word) throws(DirectiveProblem) -> String {
        let path = context.builder.configuration.resolve(word.text)
        var info = stat()
        guard stat(path, &info) == 0 else {
            throw DirectiveProblem("\(path): \(systemError(errno))", hint: "create the directory, or correct the path", at: word.location)
        }
        guard info.st_mode & S_IFMT == S_IFDIR else { throw DirectiveProblem("\(path) is no directory", at: word.location) }
        return path
    }

    // MARK: How many

    private static var workers: [DirectiveEntry] {
        [
            directive("Workers", 1...1, in: global, "number of worker processes, or auto") {
                context, words throws(DirectiveProblem) in
                let isAutomatic = words[0].text.asciiLowered == "auto"
                context.builder.configuration.workers = isAutomatic ? nil : Int(try context.number(words[0], 1...1024))
            },
            count("ServerLimit", 1...200_000, "number of worker processes at most") { $0.workerLimit = $1 },
            count("ThreadsPerChild", 1...20_000, "threads for blocking work in a worker") { $0.threads.perWorker = $1 },
            count("ThreadLimit", 1...20_000, "threads for blocking work in a worker at most") { $0.threads.limit = $1 },
            count("MaxRequestWorkers", 1...1_000_000, "threads for blocking work in all workers") { $0.threads.total = $1 },
            count("MaxClients", 1...1_000_000, "the old name of MaxRequestWorkers") { $0.threads.total = $1 },
            count("MaxSpareThreads", 1...1_000_000, "idle threads that are kept in all workers") { $0.threads.spare = $1 },
            directive("ThreadStackSize", 1...1, in: global, "bytes") { context, words throws(DirectiveProblem) in
                let least = Int64(sysconf(Int32(_SC_THREAD_STACK_MIN)))
                context.builder.configuration.threads.stackSize = Int(try context.number(words[0], max(least, 65536)...(1 << 30)))
            },
        ]
    }

    private static func count(
        _ name: String, _ range: ClosedRange<Int64>, _ help: String, _ apply: @escaping (Configuration, Int) -> Void
    ) -> DirectiveEntry {
        directive(name, 1...1, in: global, help) { context, words throws(DirectiveProblem) in
            apply(context.builder.configuration, Int(try context.number(words[0], range)))
        }
    }

    // MARK: How long

    private static var lives: [DirectiveEntry] {
        [
            count("MaxConnectionsPerChild", 0...Int64(Int32.max), "connections, 0: no limit") { $0.maxConnectionsPerChild = Int64($1) },
            count("MaxRequestsPerChild", 0...Int64(Int32.max), "the old name of MaxConnectionsPerChild") { $0.maxConnectionsPerChild = Int64($1) },
            directive("GracefulShutdownTimeout", 1...1, in: global, "seconds, 0: no limit") { context, words throws(DirectiveProblem) in
                context.builder.configuration.gracefulShutdownTimeout = try context.duration(words[0])
            },
            directive("ReloadTimeout", 1...1, in: global, "seconds") { context, words throws(DirectiveProblem) in
                context.builder.configuration.reloadTimeout = try positive(context, words[0])
            },
            directive("HangTimeout", 1...1, in: global, "seconds or Off") { context, words throws(DirectiveProblem) in
                guard words[0].text.asciiLowered != "off" else { return context.builder.configuration.hangTimeout = nil }
                let time = try positive(context, words[0])
                // An idle loop turns once a second, and is looked at once a second.
                guard time >= 3_000_000 else {
                    throw DirectiveProblem("\(words[0].text) is too short to tell a hang from a pause", hint: "give it 3 seconds at least", at: words[0].location)
                }
                context.builder.configuration.hangTimeout = time
            },
        ]
    }

    // MARK: Sockets

    private static var sockets: [DirectiveEntry] {
        [
            count("ListenBackLog", 1...65535, "connections that may wait") { $0.listenerSettings.backlog = Int32($1) },
            count("SendBufferSize", 0...(1 << 30), "bytes, 0: the system's") { $0.listenerSettings.sendBuffer = Int32($1) },
            count("ReceiveBufferSize", 0...(1 << 30), "bytes, 0: the system's") { $0.listenerSettings.receiveBuffer = Int32($1) },
        ]
    }

    // MARK: Without effect

    /// Directives of httpd for which there is nothing to set. The log says so at level info.
    private static var idle: [DirectiveEntry] {
        let fixed = "the number of worker processes does not change (see Workers)"
        let threads = "threads are started when there is work for them"
        return [
            accepted("StartServers", fixed), accepted("StartThreads", threads), accepted("MinSpareThreads", threads),
            accepted("MinSpareServers", fixed), accepted("MaxSpareServers", fixed),
            accepted("AsyncRequestWorkerFactor", "connections do not occupy threads"),
            accepted("ListenCoresBucketsRatio", "one socket serves all workers, so that a worker that dies strands nobody"),
            accepted("MaxMemFree", "a worker keeps no more than 2 MB of memory that it does not use"),
            accepted("ScoreBoardFile", "the scoreboard lies in memory without a name"),
            accepted("EnableExceptionHook", "every crash is logged with a backtrace"),
            accepted("EnableMMAP", "small files are kept in memory, larger ones are sent by the kernel", in: anywhere),
            accepted("FlushMaxThreshold", "answers are gathered and sent by what the socket takes", in: server),
            accepted("FlushMaxPipelined", "answers to pipelined requests leave together", in: server),
            accepted("ReadBufferSize", "files are sent by the kernel", in: APUS_IN_SERVER | inSections),
            accepted("AcceptFilter", "a connection costs next to nothing until its first bytes come"),
            accepted("ListenTCPDeferAccept", "a connection costs next to nothing until its first bytes come"),
            accepted("ExtendedStatus", "what workers are doing is always noted"),
            accepted("ErrorLogFormat", "lines of the error log have httpd's usual form", in: server),
            accepted("ContentDigest", "the field Content-MD5 is no part of HTTP any more (RFC 7231, appendix B)", in: anywhere),
            accepted("LimitXMLRequestBody", "no module reads XML of requests; LimitRequestBody holds", in: anywhere),
            accepted("GprofDir", "the program is not built for gprof", in: server),
            accepted("CGIMapExtension", "it is about NetWare", in: directory),
            accepted("ScriptInterpreterSource", "it is about Windows", in: anywhere),
            accepted("UNCList", "it is about Windows"),
            accepted("SeeRequestTail", "the beginning of each request line is shown, up to 120 bytes"),
            accepted("Protocol", "the protocol of a port follows from SSLEngine", in: server),
            accepted("Protocols", "the protocol is HTTP/1.1, or what a module takes a connection over for", in: server),
            accepted("ProtocolsHonorOrder", "there is nothing to choose between", in: server),
            accepted("MacroIgnoreEmptyArgs", "values of macros may be empty", in: anywhere),
            accepted("MacroIgnoreBadNesting", "sections may begin and end in different macros", in: anywhere),
            MutexDirective.entry,
        ]
    }

    private static func accepted(_ name: String, _ reason: String, in places: UInt32 = global) -> DirectiveEntry {
        directive(name, 1...APUS_MANY, in: places, override: anyOverride, "accepted without effect: \(reason)") { context, _ in
            guard context.scope.access == nil else { return }
            context.builder.configuration.withoutEffect.append((name, context.node.location, reason))
        }
    }
}
