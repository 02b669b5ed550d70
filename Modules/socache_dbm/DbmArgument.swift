import Glibc
import ModuleKit

/// What follows "dbm:": a path, or the type of the database and a path.
struct DbmArgument {
    let type: EngineType
    let path: String

    init(_ text: Bytes, _ command: Command) throws {
        let colon = text.firstIndex(of: UInt8(ascii: ":")) ?? text.count
        let word = text.upTo(colon).string.asciiLowercased
        var path = text
        if colon < text.count, let type = EngineType(rawValue: word) {
            self.type = type
            path = text.from(colon + 1)
        } else if colon < text.count, ["sdbm", "ndbm"].contains(word) {
            throw DirectiveError(
                "there is no type \(word) here: its files cannot be shared by processes that may die; "
                    + "leave the type out, or use one of \(EngineType.names)")
        } else {
            type = .standard
        }
        guard !path.isEmpty else {
            throw DirectiveError("dbm caches need a file: write dbm:path, such as dbm:logs/ssl_scache")
        }
        self.path = command.resolve(path).string
    }
}

/// The databases there are.
enum EngineType: String, CaseIterable {
    case standard = "default"
    case lmdb
    case gdbm
    case db

    static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }

    /// Whether processes share it by a lock of ours.
    var needsLock: Bool { self == .gdbm || self == .db }

    func open(_ path: String, _ shared: SharedFile?) throws(EngineProblem) -> any Engine {
        guard needsLock else { return try LightningEngine(path) }
        guard let shared else { throw EngineProblem.system(EINVAL) }
        return self == .gdbm ? GnuEngine(path, shared) : BerkeleyEngine(path, shared)
    }

    /// The files of one that lies at a path.
    func files(_ path: String) -> [String] {
        switch self {
        case .standard, .lmdb: [path, "\(path)-lock"]
        case .gdbm, .db: [path]
        }
    }
}

extension String {
    fileprivate var asciiLowercased: String { String(decoding: utf8.map(\.asciiLowercased), as: UTF8.self) }
}
