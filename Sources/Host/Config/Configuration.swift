import ByteKit

/// What a configuration has come to: frozen before the workers are forked, then read only.
final class Configuration {
    /// Everything that lives as long as the configuration.
    let arena = Arena.make(nil)

    var serverRoot: String
    var tree: ConfigTree?
    /// The main server first.
    var servers: [ServerDraft] = []
    var listeners: [ListenSpec] = []
    var hosts: HostTable?

    var user: String?
    var group: String?
    var pidFile = "logs/apus.pid"
    var pidFileLocation: SourceLocation?
    /// ErrorLogFormat of the main server as it is written, for the supervisor.
    var errorLogFormat: [UInt8]?
    /// Where a relative PidFile lies; nil: in ServerRoot.
    var runtimeDirectory: String?
    var coreDumpDirectory: String?
    var chrootDirectory: String?

    /// Worker processes; nil: one a core.
    var workers: Int?
    /// As ServerLimit says: at most so many workers, when `workers` does not say how many.
    var workerLimit: Int?
    /// Connections that a worker takes before another takes its place; 0: any number.
    var maxConnectionsPerChild: Int64 = 0
    /// How long a generation may take to finish; 0: as long as it takes. Microseconds, as those below.
    var gracefulShutdownTimeout: Int64 = 0
    /// How long a new generation may take to become ready.
    var reloadTimeout: Int64 = 60_000_000
    /// How long a worker's loop may stand still; nil: for ever.
    var hangTimeout: Int64? = 30_000_000
    var listenerSettings = Listener.Settings()
    var threads = ThreadSettings()

    /// What the threads for blocking work are bounded by, in httpd's words; nil: not said.
    struct ThreadSettings {
        /// ThreadsPerChild and ThreadLimit: in one worker.
        var perWorker: Int?
        var limit: Int?
        /// MaxRequestWorkers: in all workers.
        var total: Int?
        /// MaxSpareThreads: idle ones in all workers.
        var spare: Int?
        var stackSize: Int?
    }

    /// SeeRequestTail and ExtendedStatus, for whoever shows what the workers do.
    var showsRequestTails = false
    var hasExtendedStatus = true

    /// Directives that are taken and change nothing, for the log.
    var withoutEffect: [(directive: String, location: SourceLocation, reason: String)] = []
    /// The sections in the tree, by their numbers.
    var sectionNodes: [UInt32: ConfigNode] = [:]
    var nextSectionID: UInt32 = 1
    var nextIdentity: UInt64 = 1

    init(serverRoot: String) { self.serverRoot = serverRoot }

    var main: ServerDraft { servers[0] }

    var pidFilePath: String {
        guard let runtimeDirectory, !pidFile.hasPrefix("/") else { return resolve(pidFile) }
        return "\(resolve(runtimeDirectory))/\(pidFile)"
    }

    /// `path` made absolute against ServerRoot.
    func resolve(_ path: String) -> String {
        var absolute = path.hasPrefix("/") ? path : "\(serverRoot)/\(path)"
        while absolute.count > 1, absolute.hasSuffix("/") { absolute.removeLast() }
        return absolute
    }

    /// A place that is known by name and number only.
    func location(_ path: String, _ line: Int) -> SourceLocation {
        let file = tree?.sources.first { $0.path == path } ?? SourceFile(path: path, bytes: [])
        let text = line > 0 ? file.lineWithTerminator(line) : []
        let indent = text.prefix { $0.isConfigSpace }.count
        return SourceLocation(file: file, line: line, column: indent + 1)
    }

    func takeSectionID() -> UInt32 {
        defer { nextSectionID += 1 }
        return nextSectionID
    }

    func takeIdentity() -> UInt64 {
        defer { nextIdentity += 1 }
        return nextIdentity
    }
}
