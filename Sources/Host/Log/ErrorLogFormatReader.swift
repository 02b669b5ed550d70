import ByteKit

/// Reads a format of ErrorLogFormat as httpd does: text, and items that begin with a percent sign. A space in the text
/// begins a field, which is left out when an item in it says nothing.
struct ErrorLogFormatReader {
    /// What is wrong with a format.
    struct Problem: Error {
        let message: String
        var hint: String?
    }

    private let text: [UInt8]
    private let arena: Arena.Ref
    private var at = 0

    private init(_ text: [UInt8], _ arena: Arena.Ref) {
        self.text = text
        self.arena = arena
    }

    static func read(_ text: [UInt8], in arena: Arena.Ref) throws(Problem) -> ErrorLogFormat {
        if text == Array("json".utf8) { return try object(Array(ErrorLogFormat.jsonFields.utf8), arena) }
        if text.starts(with: "json:".utf8) { return try object(Array(text.dropFirst(5)), arena) }
        return ErrorLogFormat(items: UnsafeBufferPointer(arena.copy(try items(text, arena))))
    }

    private static func items(_ text: [UInt8], _ arena: Arena.Ref) throws(Problem) -> [ErrorLogItem] {
        var reader = ErrorLogFormatReader(text, arena)
        var items: [ErrorLogItem] = []
        while reader.at < text.count { items.append(try reader.next()) }
        return items
    }

    private static func object(_ text: [UInt8], _ arena: Arena.Ref) throws(Problem) -> ErrorLogFormat {
        var all: [ErrorLogItem] = []
        var fields: [ErrorLogFormat.Field] = []
        for field in try fieldList(text) {
            let items = try items(field.format, arena)
            fields.append(
                ErrorLogFormat.Field(
                    name: arena.copy(field.prefix), items: UnsafeBufferPointer(arena.copy(items)),
                    isNumber: items.count == 1 && items[0].kind.isNumber))
            all += items
        }
        return ErrorLogFormat(
            items: UnsafeBufferPointer(arena.copy(all)), fields: UnsafeBufferPointer(arena.copy(fields)))
    }

    private static func fieldList(_ text: [UInt8]) throws(Problem) -> [JSONField] {
        do throws(JSONField.Problem) {
            return try JSONField.list(text)
        } catch {
            throw Problem(message: error.message, hint: error.hint)
        }
    }

    private mutating func next() throws(Problem) -> ErrorLogItem {
        var item = ErrorLogItem()
        while at < text.count, text[at] == 0x25, at + 1 < text.count, text[at + 1] == 0x20 {
            item.beginsField = true
            at += 2
        }
        if at < text.count, text[at] == 0x25 {
            try readItem(&item)
        } else {
            readText(&item)
        }
        return item
    }

    /// Text up to the next percent sign, or to the next space after which another field begins.
    private mutating func readText(_ item: inout ErrorLogItem) {
        var bytes: [UInt8] = []
        var isAtStart = true
        while at < text.count, text[at] != 0x25, text[at] != 0x20 || isAtStart {
            if text[at] == 0x20 { item.beginsField = true } else { isAtStart = false }
            if text[at] == 0x5c, at + 1 < text.count {
                at += 1
                bytes.append(Self.escapes[text[at]] ?? text[at])
            } else {
                bytes.append(text[at])
            }
            at += 1
        }
        item.text = arena.copy(bytes)
    }

    private static let escapes: [UInt8: UInt8] = [
        UInt8(ascii: "n"): 0x0a, UInt8(ascii: "r"): 0x0d, UInt8(ascii: "t"): 0x09,
    ]

    /// What follows a percent sign: modifiers in any order up to the letter.
    private mutating func readItem(_ item: inout ErrorLogItem) throws(Problem) {
        at += 1
        if at < text.count, text[at] == 0x25 {
            at += 1
            item.text = Bytes("%")
            return
        }
        var argument: [UInt8] = []
        while at < text.count {
            let byte = text[at]
            at += 1
            switch byte {
            case UInt8(ascii: "{"): argument = braced()
            case UInt8(ascii: "+"): item.isRequired = true
            case UInt8(ascii: "-"): item.isDashWhenEmpty = true
            case _ where byte.isDigit: item.leastLevel = number(from: byte)
            default: return try setKind(of: &item, byte, argument)
            }
        }
        throw Problem(message: "the format ends in the middle of a % item: its letter is missing")
    }

    private mutating func braced() -> [UInt8] {
        let end = text[at...].firstIndex(of: UInt8(ascii: "}")) ?? text.count
        defer { at = min(end + 1, text.count) }
        return Array(text[at..<end])
    }

    private mutating func number(from first: UInt8) -> Int32 {
        var value = Int32(first - 0x30)
        while at < text.count, text[at].isDigit {
            value = min(value, 9999) * 10 + Int32(text[at] - 0x30)
            at += 1
        }
        return value
    }

    private func setKind(of item: inout ErrorLogItem, _ letter: UInt8, _ argument: [UInt8]) throws(Problem) {
        item.text = arena.copy(argument)
        let first = argument.first
        switch letter {
        case UInt8(ascii: "a"): item.kind = first == UInt8(ascii: "c") ? .peerAddress : .clientAddress
        case UInt8(ascii: "A"): item.kind = .localAddress
        case UInt8(ascii: "e"): item.kind = .variable
        case UInt8(ascii: "E"): item.kind = .systemError
        case UInt8(ascii: "F"): item.kind = .place
        case UInt8(ascii: "i"): item.kind = .header
        case UInt8(ascii: "k"): item.kind = .keepAlives
        case UInt8(ascii: "l"): item.kind = .level
        case UInt8(ascii: "L"):
            item.kind = argument == [UInt8(ascii: "c")] ? .connectionID : argument == [UInt8(ascii: "C")] ? .connectionIDAlone : .requestID
        case UInt8(ascii: "m"): item.kind = .module
        case UInt8(ascii: "M"): item.kind = try messagePart(argument)
        case UInt8(ascii: "n"): item.kind = .note
        case UInt8(ascii: "P"): item.kind = .process
        case UInt8(ascii: "t"): setTime(of: &item, argument)
        case UInt8(ascii: "T"): item.kind = first == UInt8(ascii: "g") ? .systemThread : .thread
        case UInt8(ascii: "v"): item.kind = .serverName
        case UInt8(ascii: "V"): item.kind = .canonicalName
        default:
            throw Problem(
                message: "%\(String(decoding: [letter], as: UTF8.self)) is no item of an error log format",
                hint: "there are %a %A %e %E %F %i %k %l %L %m %M %n %P %t %T %v %V and %%")
        }
    }

    private func messagePart(_ argument: [UInt8]) throws(Problem) -> ErrorLogItem.Kind {
        switch String(decoding: argument, as: UTF8.self) {
        case "": return .message
        case "code": return .messageCode
        case "text": return .messageText
        case let other:
            throw Problem(message: "%{\(other)}M is no part of a message", hint: "write %M for all, %{code}M or %{text}M")
        }
    }

    private func setTime(of item: inout ErrorLogItem, _ argument: [UInt8]) {
        if argument.contains(0x25) {
            item.kind = .timeByFormat
        } else if argument == Array("rfc3339".utf8) {
            item.kind = .timeOfRFC3339
        } else {
            item.kind = .time
            let styles: [(UInt8, ErrorLogItem.TimeStyle)] = [
                (UInt8(ascii: "m"), .milliseconds), (UInt8(ascii: "u"), .microseconds), (UInt8(ascii: "c"), .compact),
                (UInt8(ascii: "z"), .zone),
            ]
            for (letter, style) in styles where argument.contains(letter) { item.timeStyle.insert(style) }
        }
    }
}
