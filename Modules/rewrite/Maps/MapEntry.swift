import ModuleKit

/// One RewriteMap. Raw memory of the configuration.
struct MapEntry: BitwiseCopyable {
    enum Source: BitwiseCopyable {
        case function(MapFunction)
        case text(TextMap.Ref, picksAtRandom: Bool)
    }

    var name: Bytes
    var source: Source
    /// "file:line".
    var place: Bytes

    init(_ name: Bytes, _ type: Bytes, _ command: Command) throws {
        self.name = command.pool.copy(name)
        place = command.pool.copy(command.place)
        guard let colon = type.firstIndex(of: UInt8(ascii: ":")) else {
            throw DirectiveError("RewriteMap: bad map: \(type.string) (expected TYPE:SOURCE, as in txt:conf/map.txt)")
        }
        let kind = type.upTo(colon)
        let target = type.from(colon + 1)
        if kind.equalsIgnoringCase("int") {
            guard let function = MapFunction(named: target) else {
                throw DirectiveError(
                    "RewriteMap: internal map not found: \(target.string) (there are toupper, tolower, escape and"
                        + " unescape)")
            }
            source = .function(function)
        } else if kind.equalsIgnoringCase("txt") || kind.equalsIgnoringCase("rnd") {
            let path = try Self.file(command.resolve(target), for: name)
            source = .text(TextMap.make(path, in: command.pool), picksAtRandom: kind.equalsIgnoringCase("rnd"))
        } else {
            throw DirectiveError("RewriteMap: bad map: \(type.string) (the types are txt, rnd, dbm, int and prg)")
        }
    }

    /// The file of a map, which must be there.
    static func file(_ path: Bytes, for name: Bytes) throws -> Bytes {
        guard FileIdentity(of: path) != nil else {
            throw DirectiveError("RewriteMap: file for map \(name.string) not found:\(path.string)")
        }
        return path
    }
}

/// The functions of "int:".
enum MapFunction: UInt8, BitwiseCopyable {
    case toUpper, toLower, escape, unescape

    init?(named name: Bytes) {
        if name == "toupper" {
            self = .toUpper
        } else if name == "tolower" {
            self = .toLower
        } else if name == "escape" {
            self = .escape
        } else if name == "unescape" {
            self = .unescape
        } else {
            return nil
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
