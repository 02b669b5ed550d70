import AuthKit
public import ByteKit
public import DbmKit
import Glibc
import ModuleABI

/// A database of users as providers use it: entries are fetched on pool threads and kept for as long as the file is the same.
/// Used on the loop only; `fetch` anywhere.
public final class DbmSource: @unchecked Sendable {
    public enum Look {
        /// Nil: there is no such entry.
        case value([UInt8]?)
        /// It has to be fetched.
        case unknown
        case problem(String)
    }

    private struct Known {
        let value: [UInt8]?
        let problem: String?
        /// The turn of the loop in which alone it counts; nil: as long as the file is the same.
        let turn: Int64?
    }

    /// What was found, and when.
    public struct Fetch {
        public let key: [UInt8]
        public let value: [UInt8]?
        /// Why nothing could be found.
        public let problem: String?
        fileprivate let stamp: FileStamp?
        fileprivate let isYoung: Bool
        fileprivate let sample: [[UInt8]]
    }

    public let path: String
    /// The path, to tell users of one name in several databases apart.
    public let name: [UInt8]
    private let type: DbmType
    private let watched: Bytes
    private var known: [[UInt8]: Known] = [:]
    private var stamp: FileStamp?
    private var lastLook = Int64.min
    /// The dearest stored password that has been seen; its cost.
    private var dearest: [UInt8] = []
    private var cost = 0.0
    private var hasSample = false

    private static let limit = 10_000
    private static let sampleSize = 32

    public init(_ path: String, _ type: DbmType) {
        self.path = path
        self.type = type
        name = Array(path.utf8)
        var text = type.watchedPath(path)
        watched = text.withUTF8 { Bytes.immortal(Bytes(UnsafeRawBufferPointer($0))) }
    }

    /// What is known of an entry. The file is looked at once in a turn of the loop, whose time is given.
    public func look(_ key: Bytes, now: Int64) -> Look {
        if now != lastLook {
            guard let found = FileStamp(watched) else {
                forget(nil)
                return .problem(String(cString: strerror(errno)))
            }
            guard found.isRegular else { return .problem("it is no file") }
            lastLook = now
            if found != stamp { forget(found) }
        }
        guard let entry = known[Array(key.buffer)], entry.turn == nil || entry.turn == now else { return .unknown }
        return entry.problem.map { .problem($0) } ?? .value(entry.value)
    }

    private func forget(_ found: FileStamp?) {
        known.removeAll()
        stamp = found
    }

    /// Fetches an entry. [any thread]
    /// - Parameter waits: up to a second while somebody writes the file.
    public func fetch(_ key: [UInt8], waits: Bool = true) -> Fetch {
        let stamp = FileStamp(watched)
        let isYoung = stamp?.isYoung ?? true
        var entry = DbmEntry()
        var problem: String?
        do throws(DbmProblem) {
            entry = try .read(type, path, key, samples: hasSample ? 0 : DbmSource.sampleSize, waits: waits)
        } catch {
            problem = error.description
        }
        let sample = entry.sample.map { Array($0.prefix { $0 != 0x3a }) }
        return Fetch(key: key, value: entry.value, problem: problem, stamp: stamp, isYoung: isYoung, sample: sample)
    }

    /// Keeps what was fetched: for this turn only when the file has changed since, or may still change unnoticed.
    public func note(_ fetch: Fetch, now: Int64) {
        if fetch.problem == nil {
            hasSample = true
            for stored in fetch.sample { compare(stored) }
            if let value = fetch.value { compare(Array(value.prefix { $0 != 0x3a })) }
        }
        let isLasting = fetch.problem == nil && !fetch.isYoung && fetch.stamp == stamp
        if known.count >= DbmSource.limit { known.removeAll() }
        known[fetch.key] = Known(value: fetch.value, problem: fetch.problem, turn: isLasting ? nil : now)
        // Who asks next, in this turn, is to find it.
        lastLook = now
        if stamp == nil { stamp = fetch.stamp }
    }

    private func compare(_ stored: [UInt8]) {
        let (own, isUsable) = stored.withUnsafeBytes {
            (PasswordCost(of: Bytes($0)).microseconds, PasswordHash.problem(Bytes($0)) == nil)
        }
        guard own > cost, !stored.isEmpty, isUsable else { return }
        (dearest, cost) = (stored, own)
    }

    /// What an unknown user's password is checked against, so that it takes as long as a known one's.
    public var decoy: [UInt8] { dearest }
}

/// The databases that the configuration names, one object a file and type.
public final class DbmSources {
    private var sources: [String: DbmSource] = [:]

    public init() {}

    /// Nil: none is set.
    public func source(_ conf: DbmFileConf) -> DbmSource? {
        guard conf.path.isSet else { return nil }
        let type = conf.type ?? .berkeley
        let name = "\(type.rawValue) \(conf.path.string)"
        if let known = sources[name] { return known }
        let source = DbmSource(conf.path.string, type)
        sources[name] = source
        return source
    }
}
