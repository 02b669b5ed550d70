import Glibc
import ModuleKit

extension apus_str {
    var hasWildcards: Bool { contains(UInt8(ascii: "*")) || contains(UInt8(ascii: "?")) }

    /// The part behind the last slash.
    var lastComponent: Bytes { from((lastIndex(of: UInt8(ascii: "/")) ?? -1) + 1) }

    /// Whether the whole of it fits a pattern of `*` and `?`.
    func fits(_ pattern: Bytes, ignoringCase: Bool = false) -> Bool {
        var (at, place) = (0, 0)
        // Where to go on when what follows the last star does not fit.
        var retry: (at: Int, place: Int)?
        while at < count {
            if place < pattern.count, pattern[place] == UInt8(ascii: "*") {
                place += 1
                retry = (at, place)
            } else if place < pattern.count, Self.isSame(self[at], pattern[place], ignoringCase) {
                at += 1
                place += 1
            } else if let last = retry {
                at = last.at + 1
                place = last.place
                retry = (at, place)
            } else {
                return false
            }
        }
        while place < pattern.count, pattern[place] == UInt8(ascii: "*") { place += 1 }
        return place == pattern.count
    }

    private static func isSame(_ byte: UInt8, _ wanted: UInt8, _ ignoringCase: Bool) -> Bool {
        if wanted == UInt8(ascii: "?") || byte == wanted { return true }
        return ignoringCase && byte.asciiLowercased == wanted.asciiLowercased
    }
}

extension Pool {
    func join(_ first: Bytes, _ second: Bytes) -> Bytes {
        copy(
            compose(capacity: first.count + second.count) {
                $0.append(first)
                $0.append(second)
            })
    }

    func join(_ first: StaticString, _ second: Bytes) -> Bytes { join(Bytes(first), second) }
}

extension IndexConf {
    static var directoryMark: Bytes { Bytes("^^DIRECTORY^^") }
    static var blankMark: Bytes { Bytes("^^BLANKICON^^") }

    /// The first rule that fits a file: by the end of its path, or else by its type or its encoding.
    func value(_ list: PoolArray<Rule>, path: Bytes, type: Bytes, encoding: Bytes, byPathOnly: Bool = false) -> Bytes? {
        let isMark = path.hasPrefix("^")
        for rule in list.elements where isMark || path.fits(rule.directory) {
            switch rule.kind {
            case .type where !isMark:
                let isKnown = !byPathOnly && encoding.isEmpty && !type.isEmpty
                if isKnown, type.fits(rule.pattern, ignoringCase: true) { return rule.value }
            case .encoding where !isMark:
                if !byPathOnly, !encoding.isEmpty, encoding.fits(rule.pattern, ignoringCase: true) { return rule.value }
            default:
                if path.fits(rule.pattern) { return rule.value }
            }
        }
        return nil
    }

    /// The rule for a mark, or for a path alone.
    func value(_ list: PoolArray<Rule>, path: Bytes) -> Bytes? {
        value(list, path: path, type: .none, encoding: .none, byPathOnly: true)
    }

    func description(of path: Bytes) -> Bytes? {
        for rule in descriptions.elements {
            let subject = rule.directory.isSet ? path : path.lastComponent
            if fnmatch(rule.pattern.ptr, subject.ptr, 0) == 0 { return rule.value }
        }
        return nil
    }

    func ignores(_ path: Bytes) -> Bool {
        ignored.elements.contains {
            path.fits($0.directory) && path.lastComponent.fits($0.pattern.lastComponent)
        }
    }
}
