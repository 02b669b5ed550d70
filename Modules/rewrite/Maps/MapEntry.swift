import ModuleKit

/// One RewriteMap. Raw memory of the configuration.
struct MapEntry: BitwiseCopyable {
    enum Source: BitwiseCopyable {
        case function(MapFunction)
        case file(FileMap.Ref, picksAtRandom: Bool)
        case program(ProgramMap.Ref)
    }

    var name: Bytes
    var source: Source
    /// "file:line".
    var place: Bytes

    /// - Parameter identity: the third word, for programs: "user:group".
    init(_ name: Bytes, _ type: Bytes, identity: Bytes, _ command: Command) throws {
        self.name = command.pool.copy(name)
        place = command.pool.copy(command.place)
        let mark = type.buffer.firstIndex { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "=") } ?? type.count
        let kind = type.upTo(mark)
        guard let colon = type.firstIndex(of: UInt8(ascii: ":"), from: mark),
            mark == colon || kind.equalsIgnoringCase("dbm")
        else { throw Self.unknown(type) }
        let target = type.from(colon + 1)
        if kind.equalsIgnoringCase("int") {
            source = .function(try MapFunction(named: target))
        } else if kind.equalsIgnoringCase("txt") || kind.equalsIgnoringCase("rnd") {
            let path = command.resolve(target)
            guard FileIdentity(of: path) != nil else { throw Self.missing(path, name) }
            source = .file(FileMap.make(path, .text, in: command.pool), picksAtRandom: kind.equalsIgnoringCase("rnd"))
        } else if kind.equalsIgnoringCase("dbm") {
            let format = mark == colon ? Bytes("default") : type[mark + 1..<colon]
            source = .file(try DbmFile.map(command.resolve(target), format, name, command), picksAtRandom: false)
        } else if kind.equalsIgnoringCase("prg") {
            let program = try ProgramMap.make(target, as: identity, in: command.pool, command)
            let path = program.pointee.words[0]
            guard FileIdentity(of: path) != nil else { throw Self.missing(path, name) }
            source = .program(program)
        } else if kind.equalsIgnoringCase("dbd") || kind.equalsIgnoringCase("fastdbd") {
            throw DirectiveError("RewriteMap types dbd and fastdbd require mod_dbd, which this server does not have")
        } else {
            throw Self.unknown(type)
        }
        guard identity.isEmpty || kind.equalsIgnoringCase("prg") else {
            throw DirectiveError("RewriteMap: a third argument, user:group, goes with prg only")
        }
    }

    private static func unknown(_ type: Bytes) -> DirectiveError {
        DirectiveError(
            "RewriteMap: bad map: \(type.string): expected TYPE:SOURCE, as in txt:conf/map.txt; the types are txt, rnd,"
                + " dbm, int and prg")
    }

    static func missing(_ path: Bytes, _ name: Bytes) -> DirectiveError {
        DirectiveError("RewriteMap: file for map \(name.string) not found:\(path.string)")
    }
}

/// Which files a database of a type consists of.
enum DbmFile {
    static func map(_ path: Bytes, _ type: Bytes, _ name: Bytes, _ command: Command) throws -> FileMap.Ref {
        let pool = command.pool
        let pages = pool.copy(pool.join(path, Bytes(".pag")))
        let isAny = type.equalsIgnoringCase("default")
        guard isAny || ["sdbm", "gdbm", "ndbm", "db"].contains(type.string.lowercased()) else {
            throw DirectiveError(
                "RewriteMap: dbm type \(type.string) is invalid: there are sdbm, gdbm, ndbm and db, or none of them to let"
                    + " the file tell")
        }
        if isAny || type.equalsIgnoringCase("sdbm") || type.equalsIgnoringCase("ndbm"), FileIdentity(of: pages) != nil {
            return FileMap.make(pages, try format(pages, else: .sdbm), in: pool)
        }
        let single = type.equalsIgnoringCase("ndbm") ? pool.copy(pool.join(path, Bytes(".db"))) : path
        guard !type.equalsIgnoringCase("sdbm"), FileIdentity(of: single) != nil else {
            throw MapEntry.missing(type.equalsIgnoringCase("sdbm") ? pages : single, name)
        }
        let found = try format(single, else: nil)
        let isWanted = isAny || type.equalsIgnoringCase("ndbm") || (found == .gdbm) == type.equalsIgnoringCase("gdbm")
        guard isWanted else {
            throw DirectiveError("RewriteMap: \(single.string) is no database of the type \(type.string)")
        }
        return FileMap.make(single, found, in: pool)
    }

    /// What the file's first bytes say it is.
    private static func format(_ path: Bytes, else fallback: FileMap.Format?) throws -> FileMap.Format {
        guard let file = FileText(path) else { throw DirectiveError("RewriteMap: \(path.string) cannot be read") }
        if Gdbm.isOne(file.bytes) { return .gdbm }
        if BerkeleyDB.isOne(file.bytes) { return .berkeley }
        guard let fallback else {
            throw DirectiveError(
                "RewriteMap: \(path.string) is neither a GNU dbm nor a Berkeley DB file: make one with httxt2dbm")
        }
        return fallback
    }
}

/// The functions of "int:".
enum MapFunction: UInt8, BitwiseCopyable {
    case toUpper, toLower, escape, unescape

    init(named name: Bytes) throws {
        if name == "toupper" {
            self = .toUpper
        } else if name == "tolower" {
            self = .toLower
        } else if name == "escape" {
            self = .escape
        } else if name == "unescape" {
            self = .unescape
        } else {
            throw DirectiveError(
                "RewriteMap: internal map not found: \(name.string) (there are toupper, tolower, escape and unescape)")
        }
    }

    func apply(to key: Bytes, in pool: Pool) -> Bytes {
        switch self {
        case .toLower: key.lowercased(in: pool)
        case .toUpper:
            pool.compose(capacity: key.count) {
                for byte in key.buffer { $0.append(byte &- 0x61 < 26 ? byte & 0xdf : byte) }
            }
        case .escape: key.escapedPath(in: pool)
        case .unescape: key.unescaped(in: pool)
        }
    }
}

extension Bytes {
    /// With its escapes decoded; what begins none stays. A NUL ends it: no name holds one.
    fileprivate func unescaped(in pool: Pool) -> Bytes {
        pool.compose(capacity: count) { writer in
            var at = 0
            while at < count {
                var byte = self[at]
                at += 1
                if byte == UInt8(ascii: "%"), at + 1 < count, let high = self[at].hexValue, let low = self[at + 1].hexValue {
                    byte = high << 4 | low
                    at += 2
                    if byte == 0 { return }
                }
                writer.append(byte)
            }
        }
    }
}
