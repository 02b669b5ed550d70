import COpenSSL
@_spi(Draft) import ModuleKit

/// Watches the files that contexts are made from. When they change, the leader makes the contexts of their servers anew;
/// if all is well, it uses them, and so do all workers, which get what it has read. Otherwise everything stays as it is.
final class LiveFiles {
    private let setup: Setup
    private static let message = "contexts"

    init(_ setup: Setup) { self.setup = setup }

    /// In the leader, from open_config.
    func watch() {
        for path in Set(setup.files.values.flatMap { $0.contents.keys }) {
            try? setup.host.watchFile(path) { [self] _ in changed(path) }
        }
    }

    private func changed(_ path: String) {
        let affected = setup.files.filter { $0.value.contents[path] != nil }.keys.sorted()
        let source = FileSource()
        let isNew = affected.contains { index in setup.files[index].map { !source.agrees(with: $0) } ?? false }
        guard isNew else { return }
        let reporter = Reporter(setup.host, .log("a changed file cannot be used, what was read before stays in use: "))
        let contexts = setup.build(affected, source, reporter)
        guard reporter.errors == 0 else { return }
        setup.use(contexts, source)
        setup.host.log.write(
            .notice, code: "APUS3030", "\(path) has changed: \(affected.count) server(s) use it from now on")
        let news = ContextNews(servers: affected, files: source.contents, keys: setup.phrases.opened)
        news.encoded.withUnsafeBytes { try? setup.host.broadcast(LiveFiles.message, Bytes($0)) }
    }

    /// In a worker: the leader has read files anew.
    func receive(_ name: Bytes, _ bytes: Bytes) {
        guard name == Bytes("contexts"), setup.host.worker >= 0, let news = ContextNews(bytes) else { return }
        setup.phrases.take(news.keys)
        let source = FileSource(contents: news.files)
        let reporter = Reporter(setup.host, .log("a worker cannot use changed files: "))
        let contexts = setup.build(news.servers, source, reporter)
        if reporter.errors == 0 { setup.use(contexts, source) }
    }
}

/// What the leader tells workers about changed files.
struct ContextNews {
    var servers: [Int]
    var files: [String: [UInt8]]
    /// Decrypted keys by the digests of their blocks.
    var keys: [String: [UInt8]]

    init(servers: [Int], files: [String: [UInt8]], keys: [String: [UInt8]]) {
        self.servers = servers
        self.files = files
        self.keys = keys
    }

    var encoded: [UInt8] {
        var bytes: [UInt8] = []
        append(servers.count, to: &bytes)
        for server in servers { append(server, to: &bytes) }
        for table in [files, keys] {
            append(table.count, to: &bytes)
            for (name, content) in table {
                append(Array(name.utf8), to: &bytes)
                append(content, to: &bytes)
            }
        }
        return bytes
    }

    private func append(_ number: Int, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: UInt32(truncatingIfNeeded: number)) { bytes += Array($0) }
    }

    private func append(_ content: [UInt8], to bytes: inout [UInt8]) {
        append(content.count, to: &bytes)
        bytes += content
    }

    init?(_ bytes: Bytes) {
        var cursor = Cursor(bytes: bytes)
        guard let count = cursor.number() else { return nil }
        servers = []
        for _ in 0..<count {
            guard let server = cursor.number() else { return nil }
            servers.append(server)
        }
        guard let files = cursor.table(), let keys = cursor.table() else { return nil }
        self.files = files
        self.keys = keys
    }

    private struct Cursor {
        let bytes: Bytes
        var position = 0

        mutating func number() -> Int? {
            guard bytes.count - position >= 4 else { return nil }
            defer { position += 4 }
            return Int(bytes.buffer.loadUnaligned(fromByteOffset: position, as: UInt32.self))
        }

        mutating func content() -> [UInt8]? {
            guard let length = number(), bytes.count - position >= length else { return nil }
            defer { position += length }
            return Array(bytes[position..<(position + length)].buffer)
        }

        mutating func table() -> [String: [UInt8]]? {
            guard let count = number() else { return nil }
            var table: [String: [UInt8]] = [:]
            for _ in 0..<count {
                guard let name = content(), let content = content() else { return nil }
                table[String(decoding: name, as: UTF8.self)] = content
            }
            return table
        }
    }
}
