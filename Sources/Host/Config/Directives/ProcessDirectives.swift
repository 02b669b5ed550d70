import ByteKit
import CSystem
import Glibc
import ModuleABI

/// Who the processes are, how many, and how they come and go.
extension CoreDirectives {
    static var process: [DirectiveEntry] { identity + places + workers + lives + sockets + shown }

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
                context.builder.configuration.pidFileLocation = words[0].location
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

    // MARK: What is told of the workers

    private static var shown: [DirectiveEntry] {
        [
            directive("ExtendedStatus", 1...1, in: global, "On|Off") { context, words throws(DirectiveProblem) in
                context.builder.configuration.hasExtendedStatus = try context.flag(words[0])
            },
            directive("SeeRequestTail", 1...1, in: global, "On|Off") { context, words throws(DirectiveProblem) in
                context.builder.configuration.showsRequestTails = try context.flag(words[0])
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
}
