/// A field of a JSON object as log formats name it: NAME=FORMAT.
public struct JSONField {
    /// The name as it is written: in quotes, with its colon.
    public let prefix: [UInt8]
    public let format: [UInt8]

    /// What is wrong with a list.
    public struct Problem: Error {
        public let message: String
        public let hint: String

        fileprivate init(_ message: String, hint: String) {
            self.message = message
            self.hint = hint
        }
    }

    /// Takes a list apart: white space stands between fields, and single quotes around a format that holds some.
    public static func list(_ text: [UInt8]) throws(Problem) -> [JSONField] {
        var fields: [JSONField] = []
        var at = 0
        while true {
            while at < text.count, isSpace(text[at]) { at += 1 }
            guard at < text.count else { break }
            let name = try name(text, &at)
            let prefix = prefix(of: name)
            guard !fields.contains(where: { $0.prefix == prefix }) else {
                throw Problem("the field \(String(decoding: name, as: UTF8.self)) is there twice", hint: "names of a JSON object differ")
            }
            fields.append(JSONField(prefix: prefix, format: try format(text, &at)))
        }
        guard !fields.isEmpty else {
            throw Problem("json: names no field", hint: "write json alone for the usual fields, or NAME=FORMAT after the colon")
        }
        return fields
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d }

    private static func name(_ text: [UInt8], _ at: inout Int) throws(Problem) -> [UInt8] {
        let end = text[at...].firstIndex { $0 == UInt8(ascii: "=") || isSpace($0) } ?? text.count
        guard end < text.count, text[end] == UInt8(ascii: "="), end > at else {
            throw Problem(
                "\"\(String(decoding: text[at..<end], as: UTF8.self))\" is no field of a JSON object",
                hint: "write NAME=FORMAT, such as client=%a, and single quotes around a format with spaces")
        }
        defer { at = end + 1 }
        return Array(text[at..<end])
    }

    private static func format(_ text: [UInt8], _ at: inout Int) throws(Problem) -> [UInt8] {
        let isQuoted = at < text.count && text[at] == UInt8(ascii: "'")
        if isQuoted { at += 1 }
        let start = at
        var isInBraces = false
        while at < text.count, isQuoted ? text[at] != UInt8(ascii: "'") : isInBraces || !isSpace(text[at]) {
            if text[at] == UInt8(ascii: "{") { isInBraces = true }
            if text[at] == UInt8(ascii: "}") { isInBraces = false }
            at += 1
        }
        guard !isQuoted || at < text.count else {
            throw Problem("a single quote is not closed", hint: "end the format of the field with another")
        }
        let format = Array(text[start..<at])
        if isQuoted { at += 1 }
        guard !format.isEmpty else { throw Problem("a field has no format", hint: "write NAME=FORMAT, without a space in between") }
        return format
    }

    private static func prefix(of name: [UInt8]) -> [UInt8] {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: name.count * 6 + 8) { room in
            name.withUnsafeBytes { bytes in
                var writer = ByteWriter(room.baseAddress.unsafelyUnwrapped, capacity: room.count)
                writer.append("\"")
                writer.append(json: Bytes(bytes))
                writer.append("\":")
                return Array(writer.written.buffer)
            }
        }
    }
}
