import ModuleKit

/// Directories with %0, %1, %-2, %1+, %2.1 and %p in them: parts of a name, and characters of those, counted from 1, or from
/// the end when negative; `+` takes all from there on.
enum Interpolation {
    /// No name makes a longer path.
    private static let limit = 4096

    /// Whether a directive's pattern can be used.
    static func check(_ text: Bytes) throws {
        guard text.hasPrefix("/") else { throw DirectiveError("\"\(text.string)\" must begin with a slash") }
        var index = 0
        while index < text.count {
            defer { index += 1 }
            guard text[index] == UInt8(ascii: "%") else { continue }
            index += 1
            guard index < text.count else { throw DirectiveError("a % at the end of \"\(text.string)\" stands for nothing") }
            if text[index] == UInt8(ascii: "p") || text[index] == UInt8(ascii: "%") { continue }
            var part = 0
            guard number(text, &index, &part) else {
                throw DirectiveError("a % in \"\(text.string)\" is followed by no number, p or %")
            }
            if index + 1 < text.count, text[index + 1] == UInt8(ascii: ".") {
                index += 2
                guard index < text.count, number(text, &index, &part) else {
                    throw DirectiveError("a dot in \"\(text.string)\" is followed by no number")
                }
            }
        }
    }

    /// One digit with its signs; afterwards `index` is at its last byte.
    private static func number(_ text: Bytes, _ index: inout Int, _ value: inout Int) -> Bool {
        let isNegative = text[index] == UInt8(ascii: "-")
        if isNegative { index += 1 }
        guard index < text.count, text[index].isDigit else { return false }
        value = Int(text[index]) - 0x30
        if isNegative { value = -value }
        if index + 1 < text.count, text[index + 1] == UInt8(ascii: "+") { index += 1 }
        return true
    }

    /// The directory for a request with the rest of its path; nil: it would be too long, or the name cannot be one.
    static func file(_ pattern: NamePattern, _ rest: Bytes, _ request: Request) -> Bytes? {
        let name = pattern.isByAddress ? request.connection.localAddress : hostName(request)
        guard !name.contains(UInt8(ascii: "/")), name.count <= 255 else { return nil }
        let text = pattern.text
        let result = request.pool.compose(capacity: limit + rest.count) { writer in
            var index = 0
            while index < text.count {
                defer { index += 1 }
                guard text[index] == UInt8(ascii: "%") else {
                    writer.append(text[index])
                    continue
                }
                index += 1
                append(text, &index, name, request, &writer)
            }
            // One slash between the directory and the path.
            if writer.count > 0, writer.written[writer.count - 1] == UInt8(ascii: "/"), rest.hasPrefix("/") {
                writer.append(rest.from(1))
            } else {
                writer.append(rest)
            }
            if writer.count >= limit { writer.removeAll() }
        }
        return result.isEmpty ? nil : result
    }

    private static func hostName(_ request: Request) -> Bytes {
        request.hostName.isEmpty ? request.server.name : request.hostName
    }

    private static func append(
        _ text: Bytes, _ index: inout Int, _ name: Bytes, _ request: Request, _ writer: inout ByteWriter
    ) {
        switch text[index] {
        case UInt8(ascii: "%"): return writer.append("%")
        case UInt8(ascii: "p"): return writer.append(decimal: request.number(APUS_R_SERVER_PORT))
        default: break
        }
        let part = select(range(text, &index), in: name, separator: UInt8(ascii: "."))
        guard index + 1 < text.count, text[index + 1] == UInt8(ascii: "."), index + 2 < text.count,
            text[index + 2].isDigit || text[index + 2] == UInt8(ascii: "-")
        else { return put(part, &writer) }
        index += 2
        put(select(range(text, &index), in: part, separator: nil), &writer)
    }

    /// A part that is not there is an underscore; dots cannot lead elsewhere.
    private static func put(_ part: Bytes, _ writer: inout ByteWriter) {
        if part.isEmpty || part == "." || part == ".." { return writer.append("_") }
        for byte in part.buffer { writer.append(byte.asciiLowercased) }
    }

    private struct Range {
        var number: Int
        var goesOn: Bool
    }

    private static func range(_ text: Bytes, _ index: inout Int) -> Range {
        var value = 0
        _ = number(text, &index, &value)
        return Range(number: value, goesOn: text[index] == UInt8(ascii: "+"))
    }

    /// Parts of a text: pieces between separators, or characters.
    private static func select(_ range: Range, in text: Bytes, separator: UInt8?) -> Bytes {
        if range.number == 0 { return text }
        var starts = [0]
        var ends: [Int] = []
        for index in 0..<text.count {
            if let separator {
                guard text[index] == separator else { continue }
                ends.append(index)
                starts.append(index + 1)
            } else if index > 0 {
                ends.append(index)
                starts.append(index)
            }
        }
        ends.append(text.count)
        let position = range.number > 0 ? range.number - 1 : starts.count + range.number
        guard starts.indices.contains(position) else { return Bytes("") }
        if !range.goesOn { return text[starts[position]..<ends[position]] }
        return range.number > 0 ? text.from(starts[position]) : text.upTo(ends[position])
    }
}
