import ModuleKit

/// The parts of a media type, "type/subtype; name=value; …" (RFC 9110 section 8.3.1).
enum MediaType {
    /// The type as it is sent: its parameters separated by "; ". One that cannot be read is left as it is.
    static func tidied(_ text: Bytes, in pool: Pool) -> Bytes {
        guard text.contains(semicolon), isReadable(text) else { return text }
        return pool.compose(capacity: text.count * 2 + 2) { compose(text, charset: .none, into: &$0) }
    }

    /// The type with its character set replaced, or given one.
    static func with(charset: Bytes, _ text: Bytes, in pool: Pool) -> Bytes {
        guard isReadable(text) else { return text }
        return pool.compose(capacity: text.count * 2 + charset.count + 16) {
            compose(text, charset: charset, into: &$0)
        }
    }

    private static let semicolon = UInt8(ascii: ";")

    /// Whether type and subtype are tokens.
    private static func isReadable(_ text: Bytes) -> Bool {
        let name = essence(of: text)
        guard let slash = name.firstIndex(of: UInt8(ascii: "/")), slash > 0, slash < name.count - 1 else {
            return false
        }
        for byte in name.buffer where byte <= 0x20 || byte >= 0x7f { return false }
        return true
    }

    private static func essence(of text: Bytes) -> Bytes {
        text.firstIndex(of: semicolon).map { text.upTo($0).trimmed } ?? text.trimmed
    }

    /// A charset that is given takes the place of the first one and the others are left out.
    private static func compose(_ text: Bytes, charset: Bytes, into writer: inout ByteWriter) {
        writer.append(essence(of: text))
        var placed = false
        var rest = text.firstIndex(of: semicolon).map { text.from($0 + 1) } ?? Bytes("")
        while let parameter = nextParameter(&rest) {
            if charset.isSet, parameter.hasPrefixIgnoringCase("charset=") {
                if placed { continue }
                placed = true
                append(charset: charset, into: &writer)
            } else {
                writer.append("; ")
                writer.append(parameter)
            }
        }
        if charset.isSet, !placed { append(charset: charset, into: &writer) }
    }

    private static func append(charset: Bytes, into writer: inout ByteWriter) {
        writer.append("; charset=")
        writer.append(charset)
    }

    /// Takes the next parameter that has a value off `rest`; a semicolon in quotes does not end it.
    private static func nextParameter(_ rest: inout Bytes) -> Bytes? {
        while !rest.isEmpty {
            var end = 0
            var isQuoted = false
            while end < rest.count, isQuoted || rest[end] != semicolon {
                if rest[end] == UInt8(ascii: "\\"), isQuoted {
                    end += 1
                } else if rest[end] == UInt8(ascii: "\"") {
                    isQuoted.toggle()
                }
                end += 1
            }
            end = min(end, rest.count)
            let parameter = rest.upTo(end).trimmed
            rest = end < rest.count ? rest.from(end + 1) : Bytes("")
            if parameter.contains(UInt8(ascii: "=")) { return parameter }
        }
        return nil
    }
}
