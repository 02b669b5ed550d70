import ModuleKit

/// One ExtFilterDefine: a program, and which bodies it is for.
final class ExternalDefinition: Sendable {
    let name: String
    let command: [String]
    let isInput: Bool
    let stage: UInt32
    /// Filters of the stage that go before it.
    let after: [String]
    /// Nil: bodies of all types.
    let inputType: String?
    /// Nil: they keep their type.
    let outputType: String?
    let keepsLength: Bool
    let enabling: String?
    let disabling: String?

    /// - Throws: `DirectiveError` for parameters that say nothing, or the wrong thing.
    init(_ line: Bytes) throws {
        var words = ParameterScanner(line)
        guard let name = words.next(), !name.contains("=") else {
            throw DirectiveError("the name of the filter is missing: NAME cmd=\"PROGRAM [WORD …]\" [PARAMETER …]")
        }
        var values: [String: String] = [:]
        while let word = words.next() {
            let key = word.prefix { $0 != "=" }.lowercased()
            guard ExternalDefinition.parameters.contains(key), word.contains("=") == (key != "preservescontentlength") else {
                throw DirectiveError(
                    "\"\(word)\" is none of cmd=, mode=, intype=, outtype=, ftype=, enableenv=, disableenv= and PreservesContentLength")
            }
            values[key] = String(word.dropFirst(key.count + 1))
        }
        self.name = name
        command = values["cmd"].map(ExternalDefinition.words) ?? []
        guard let program = command.first, program.hasPrefix("/") else {
            throw DirectiveError("cmd= names no program by its whole path: cmd=\"/usr/bin/PROGRAM [WORD …]\"")
        }
        let mode = values["mode"]?.lowercased() ?? "output"
        guard mode == "input" || mode == "output" else { throw DirectiveError("mode=\(mode) is neither input nor output") }
        isInput = mode == "input"
        (stage, after) = try ExternalDefinition.place(values["ftype"])
        inputType = values["intype"].flatMap { $0 == "*/*" ? nil : $0.lowercased() }
        outputType = values["outtype"]
        keepsLength = values["preservescontentlength"] != nil
        enabling = values["enableenv"]
        disabling = values["disableenv"]
    }

    private static let parameters: Set = [
        "cmd", "mode", "intype", "outtype", "ftype", "enableenv", "disableenv", "preservescontentlength",
    ]

    /// httpd's numbers: 10 is content, 20 content codings, 30 what is sent of it.
    private static func place(_ text: String?) throws -> (stage: UInt32, after: [String]) {
        guard let text else { return (APUS_STAGE_CONTENT, ["INFLATE"]) }
        guard let number = Int(text) else { throw DirectiveError("ftype=\(text) is no number") }
        switch number {
        case ..<10: return (APUS_STAGE_CONTENT, [])
        case 10: return (APUS_STAGE_CONTENT, ["INFLATE"])
        case 11..<20: return (APUS_STAGE_TRANSFORM, [])
        case 20: return (APUS_STAGE_ENCODE, [])
        case 21..<30: return (APUS_STAGE_ENCODE, ["BROTLI_COMPRESS", "DEFLATE", "BUFFER"])
        case 30..<40: return (APUS_STAGE_FRAME, [])
        default: return (APUS_STAGE_TRANSPORT, [])
        }
    }

    /// Words as a shell takes them apart: quotation marks of both kinds, and a backslash for the next character.
    private static func words(_ text: String) -> [String] {
        var words: [String] = []
        var word: String?
        var quote: Character?
        var isEscaped = false
        for character in text {
            if isEscaped {
                word = (word ?? "") + String(character)
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else if let mark = quote {
                if character == mark { quote = nil } else { word = (word ?? "") + String(character) }
            } else if character == "\"" || character == "'" {
                quote = character
                word = word ?? ""
            } else if character == " " || character == "\t" {
                if let word { words.append(word) }
                word = nil
            } else {
                word = (word ?? "") + String(character)
            }
        }
        if let word { words.append(word) }
        return words
    }

    // MARK: For a request

    func isMeant(for request: Request) -> Bool {
        func isSet(_ name: String) -> Bool { request.environment[request.pool.copy(name)] != nil }
        if let enabling, !isSet(enabling) { return false }
        if let disabling, isSet(disabling) { return false }
        guard let inputType else { return true }
        let type = isInput ? request.headersIn["Content-Type"] ?? .none : request.contentType
        let name = type.upTo(type.firstIndex(of: UInt8(ascii: ";")) ?? type.count).trimmed
        return name.string.lowercased() == inputType
    }
}

/// The words of a line; quotation marks may stand around a word, or around what follows the equals sign in it. A backslash
/// inside such marks takes only such a mark, or another backslash before one, as it is: the rest is for the command.
private struct ParameterScanner {
    private let text: [Character]
    private var position = 0

    init(_ line: Bytes) { text = Array(line.string) }

    mutating func next() -> String? {
        while position < text.count, text[position].isWhitespace { position += 1 }
        guard position < text.count else { return nil }
        var word = ""
        while position < text.count, !text[position].isWhitespace {
            let character = text[position]
            let startsValue = word.isEmpty || word.hasSuffix("=") && word.filter { $0 == "=" }.count == 1
            if startsValue, character == "\"" || character == "'" {
                word += quoted(by: character)
            } else {
                word.append(character)
                position += 1
            }
        }
        return word
    }

    private mutating func quoted(by mark: Character) -> String {
        var value = ""
        position += 1
        while position < text.count, text[position] != mark {
            if text[position] == "\\", position + 1 < text.count, text[position + 1] == mark { position += 1 }
            value.append(text[position])
            position += 1
        }
        position += 1
        return value
    }
}
