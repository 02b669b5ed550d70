import ModuleKit

/// The words of an SSLRequire expression.
enum RequireToken: Equatable {
    case open, close, listOpen, listClose, comma
    case and, or, not, isTrue, isFalse, inList, fileFunction, peerExtensions
    case comparison(RequireComparison)
    case matches, matchesNot
    case number(String)
    case string(String)
    case variable(String)
    case pattern(String, ignoresCase: Bool)
    case end
}

enum RequireComparison {
    case equal, unequal, less, lessOrEqual, greater, greaterOrEqual
}

/// Takes an expression apart.
struct RequireLexer {
    private let text: [UInt8]
    private var position = 0

    init(_ text: Bytes) { self.text = Array(text.buffer) }

    /// Bytes read so far: where an error is.
    var offset: Int { position }

    mutating func next() throws -> RequireToken {
        while position < text.count, isSpace(text[position]) { position += 1 }
        guard position < text.count else { return .end }
        if let token = symbol() { return token }
        switch text[position] {
        case 0x22: return .string(try quoted())
        case 0x25: return .variable(try variable())
        default: return try word()
        }
    }

    private static let symbols: [(StaticString, RequireToken)] = [
        ("&&", .and), ("||", .or), ("==", .comparison(.equal)), ("!=", .comparison(.unequal)),
        ("<=", .comparison(.lessOrEqual)), (">=", .comparison(.greaterOrEqual)), ("=~", .matches),
        ("!~", .matchesNot), ("<", .comparison(.less)), (">", .comparison(.greater)), ("!", .not), ("(", .open),
        (")", .close), ("{", .listOpen), ("}", .listClose), (",", .comma),
    ]

    private mutating func symbol() -> RequireToken? {
        for (sign, token) in RequireLexer.symbols where starts(with: sign) {
            position += sign.utf8CodeUnitCount
            return token
        }
        return nil
    }

    private func starts(with sign: StaticString) -> Bool {
        sign.withUTF8Buffer { text[position...].starts(with: $0) }
    }

    private func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }

    private func isWordByte(_ byte: UInt8) -> Bool {
        byte.isDigit || byte == 0x5f || (0x61...0x7a).contains(byte.asciiLowercased)
    }

    /// A double-quoted string with the escapes of C.
    private mutating func quoted() throws -> String {
        position += 1
        var bytes: [UInt8] = []
        while position < text.count, text[position] != 0x22 {
            if text[position] == 0x5c, position + 1 < text.count {
                position += 1
                bytes.append(escape())
            } else {
                bytes.append(text[position])
                position += 1
            }
        }
        guard position < text.count else { throw DirectiveError("a string is not closed by \"") }
        position += 1
        return String(decoding: bytes, as: UTF8.self)
    }

    /// What follows a backslash: up to three octal digits, or a letter.
    private mutating func escape() -> UInt8 {
        var value = 0
        var digits = 0
        while digits < 3, position < text.count, (0x30...0x37).contains(text[position]) {
            value = value * 8 + Int(text[position] - 0x30)
            position += 1
            digits += 1
        }
        if digits > 0 { return UInt8(truncatingIfNeeded: value) }
        defer { position += 1 }
        switch text[position] {
        case 0x6e: return 0x0a
        case 0x72: return 0x0d
        case 0x74: return 0x09
        case 0x62: return 0x08
        case 0x66: return 0x0c
        default: return text[position]
        }
    }

    private mutating func variable() throws -> String {
        guard position + 1 < text.count, text[position + 1] == 0x7b,
            let end = text[position...].firstIndex(of: 0x7d)
        else { throw DirectiveError("a variable looks like %{NAME}") }
        defer { position = end + 1 }
        return String(decoding: text[(position + 2)..<end], as: UTF8.self)
    }

    private mutating func word() throws -> RequireToken {
        if text[position] == 0x6d, position + 1 < text.count, !isWordByte(text[position + 1]),
            !isSpace(text[position + 1])
        {
            return try pattern()
        }
        let start = position
        while position < text.count, isWordByte(text[position]) { position += 1 }
        guard position > start else {
            throw DirectiveError(
                "\"\(String(decoding: text[position...(position)], as: UTF8.self))\" is not understood")
        }
        let word = String(decoding: text[start..<position], as: UTF8.self)
        return try token(word)
    }

    /// m#…#, m/…/i: any sign may stand around a pattern.
    private mutating func pattern() throws -> RequireToken {
        let sign = text[position + 1]
        let start = position + 2
        guard start <= text.count, let end = text[start...].firstIndex(of: sign) else {
            throw DirectiveError("a pattern is not closed by its sign, as in m#…#")
        }
        position = end + 1
        let ignoresCase = position < text.count && text[position] == 0x69
        if ignoresCase { position += 1 }
        return .pattern(String(decoding: text[start..<end], as: UTF8.self), ignoresCase: ignoresCase)
    }

    private func token(_ word: String) throws -> RequireToken {
        switch word {
        case "true": return .isTrue
        case "false": return .isFalse
        case "not": return .not
        case "and": return .and
        case "or": return .or
        case "in": return .inList
        case "eq": return .comparison(.equal)
        case "ne": return .comparison(.unequal)
        case "lt": return .comparison(.less)
        case "le": return .comparison(.lessOrEqual)
        case "gt": return .comparison(.greater)
        case "ge": return .comparison(.greaterOrEqual)
        case "file": return .fileFunction
        case "PeerExtList", "OID": return .peerExtensions
        default:
            guard word.utf8.allSatisfy(\.isDigit) else {
                throw DirectiveError("\"\(word)\" is not understood: texts stand in \", variables are written %{NAME}")
            }
            return .number(word)
        }
    }
}
