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
    /// Worker processes; nil: one a core.
    var workers: Int?
    var nextSectionID: UInt32 = 1
    var nextIdentity: UInt64 = 1

    init(serverRoot: String) { self.serverRoot = serverRoot }

    var main: ServerDraft { servers[0] }

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
