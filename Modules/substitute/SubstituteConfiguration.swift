import ModuleKit

/// One Substitute.
struct Replacement: BitwiseCopyable {
    /// Nil: `text` is looked for as it stands.
    var pattern: Pattern?
    var text = Bytes.none
    var ignoresCase = false
    /// With $1 and its like for a pattern.
    var value = Bytes.none
    /// Later replacements look across the borders of what this one wrote.
    var isOpen = true
}

struct SubstituteConf: Configuration {
    var replacements = PoolArray<Replacement>()
    var maxLineLength: Int64 = -1
    var inheritsBefore: Bool?

    var effectiveLength: Int { maxLineLength < 0 ? 1 << 20 : Int(maxLineLength) }

    func merged(over base: SubstituteConf, settings: [(inout SubstituteConf) -> Void], in pool: Pool) -> SubstituteConf {
        let before = inheritsBefore ?? base.inheritsBefore
        let (own, outer) = (replacements, base.replacements)
        return SubstituteConf(
            replacements: before == true ? outer.joined(with: own, in: pool) : own.joined(with: outer, in: pool),
            maxLineLength: maxLineLength < 0 ? base.maxLineLength : maxLineLength, inheritsBefore: before)
    }
}

let substituteDirectives: [Directive] = [
    Directive(
        "Substitute", .one, in: .any, override: .fileInfo,
        help: "s/pattern/replacement/[infq]"
    ) { try addReplacement($0, $1[0]) },
    Directive("SubstituteInheritBefore", .flag, in: .any, override: .fileInfo, help: "On or Off") {
        $0.configuration(SubstituteConf.self).pointee.inheritsBefore = try Bool(word: $1[0])
    },
    Directive("SubstituteMaxLineLength", .one, in: .any, override: .fileInfo, help: "bytes, with b, k, m or g behind them") {
        $0.configuration(SubstituteConf.self).pointee.maxLineLength = try size($1[0])
    },
]

private func size(_ word: Bytes) throws -> Int64 {
    let units: [UInt8: Int64] = [0x62: 1, 0x6b: 1 << 10, 0x6d: 1 << 20, 0x67: 1 << 30]
    let unit = word.isEmpty ? nil : units[word[word.count - 1].asciiLowercased]
    let digits = unit == nil ? word : word.upTo(word.count - 1)
    guard let number = digits.decimal, number > 0, number < 1 << 32 else {
        throw DirectiveError("\"\(word.string)\" is no size: write a number, with b, k, m or g behind it")
    }
    return number * (unit ?? 1)
}

private func addReplacement(_ command: Command, _ word: Bytes) throws {
    guard word.count > 2, word[0].asciiLowercased == UInt8(ascii: "s") else {
        throw DirectiveError("\"\(word.string)\" does not have the form s/pattern/replacement/flags")
    }
    let parts = split(word.from(2), at: word[1], command.pool)
    guard parts.count >= 2, parts.count <= 3 else {
        throw DirectiveError("\"\(word.string)\" does not have the form s/pattern/replacement/flags")
    }
    guard !parts[0].isEmpty else { throw DirectiveError("the pattern is empty") }
    var replacement = Replacement(value: parts[1])
    var isPlain = false
    for flag in parts.count == 3 ? Array(parts[2].buffer) : [] {
        switch flag.asciiLowercased {
        case UInt8(ascii: "i"): replacement.ignoresCase = true
        case UInt8(ascii: "n"): isPlain = true
        case UInt8(ascii: "f"): replacement.isOpen = true
        case UInt8(ascii: "q"): replacement.isOpen = false
        default: throw DirectiveError("\"\(parts[2].string)\" holds flags other than i, n, f and q")
        }
    }
    if isPlain {
        replacement.text = parts[0]
    } else {
        replacement.pattern = try Pattern(
            parts[0], flags: replacement.ignoresCase ? APUS_REGEX_ICASE : 0, in: command.pool)
    }
    command.configuration(SubstituteConf.self).pointee.replacements.append(replacement, in: command.pool)
}

/// The parts between separators; one behind a backslash is part of the text.
private func split(_ text: Bytes, at separator: UInt8, _ pool: Pool) -> [Bytes] {
    var parts: [[UInt8]] = [[]]
    var index = 0
    while index < text.count {
        let byte = text[index]
        if byte == UInt8(ascii: "\\"), index + 1 < text.count, text[index + 1] == separator {
            parts[parts.count - 1].append(separator)
            index += 2
            continue
        }
        if byte == separator { parts.append([]) } else { parts[parts.count - 1].append(byte) }
        index += 1
    }
    return parts.map { part in part.withUnsafeBytes { $0.isEmpty ? Bytes("") : pool.copy(Bytes($0)) } }
}
