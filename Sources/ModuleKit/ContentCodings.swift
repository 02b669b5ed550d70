public import ByteKit
import ModuleABI

/// What becomes of an answer's entity tag when its body is encoded.
public enum ETagChange: UInt8, BitwiseCopyable {
    /// Tells the coding; leaves it as it is; leaves it out.
    case addSuffix, noChange, remove

    /// Reads the word as a directive has it.
    public init(word: Bytes) throws {
        switch word.string.lowercased() {
        case "addsuffix": self = .addSuffix
        case "nochange": self = .noChange
        case "remove": self = .remove
        default: throw DirectiveError("\"\(word.string)\" is none of AddSuffix, NoChange and Remove")
        }
    }
}

extension Request {
    /// Whether the client takes a content coding (RFC 9110, 12.5.3). A request without the field takes none here.
    public func accepts(coding: StaticString, orAlias alias: StaticString? = nil) -> Bool {
        var weight: Int?
        var others: Int?
        var index = 0
        while let field = headersIn.value(Bytes("Accept-Encoding"), index) {
            index += 1
            field.eachListElement { element in
                let end = element.firstIndex(of: 0x3b) ?? element.count
                let name = element.upTo(end).trimmed
                let quality = QualityValue.read(element.from(end))
                if name.equalsIgnoringCase(coding) || alias.map({ name.equalsIgnoringCase($0) }) == true {
                    weight = quality
                } else if name == "*" {
                    others = quality
                }
            }
        }
        return (weight ?? others ?? 0) > 0
    }

    /// The content codings of the answer as it is now, innermost first; unset: none.
    public var encodings: Bytes {
        let fields = [errorHeadersOut["Content-Encoding"], headersOut["Content-Encoding"]]
        let all = ([contentEncoding] + fields.map { $0 ?? .none }).filter { !$0.isEmpty }
        guard all.count > 1 else { return all.first ?? .none }
        return pool.compose(capacity: all.reduce(0) { $0 + $1.count + 2 }) { writer in
            for (position, field) in all.enumerated() {
                if position > 0 { writer.append(", ") }
                writer.append(field)
            }
        }
    }

    /// Whether the answer's body is encoded already.
    public var isEncoded: Bool {
        var found = false
        encodings.eachListElement { element in
            let isNone = ["identity", "7bit", "8bit", "binary"].contains { element.equalsIgnoringCase($0) }
            if !isNone { found = true }
        }
        return found
    }

    /// Makes the answer one that is encoded so: its length is not known any more.
    public func setEncoding(_ coding: StaticString) {
        headersOut["Content-Encoding"] = nil
        errorHeadersOut["Content-Encoding"] = nil
        contentEncoding = Bytes(coding)
        headersOut["Content-Length"] = nil
        headersOut["Content-MD5"] = nil
    }

    /// Says that the answer depends on a field of the request (RFC 9110, 12.5.5).
    public func addVary(_ name: StaticString) {
        var isNamed = false
        for table in [headersOut, errorHeadersOut] {
            var index = 0
            while let field = table.value(Bytes("Vary"), index) {
                index += 1
                field.eachListElement { if $0 == "*" || $0.equalsIgnoringCase(name) { isNamed = true } }
            }
        }
        if !isNamed { headersOut.merge(Bytes("Vary"), Bytes(name)) }
    }

    /// Another representation has another entity tag (RFC 9110, 8.8.3.3).
    public func changeETag(_ change: ETagChange, suffix: StaticString) {
        guard let tag = headersOut["ETag"] else { return }
        switch change {
        case .noChange: return
        case .remove: headersOut["ETag"] = nil
        case .addSuffix:
            guard tag.count > 2, tag[tag.count - 1] == 0x22 else { return }
            headersOut["ETag"] = pool.compose(capacity: tag.count + suffix.utf8CodeUnitCount + 1) {
                $0.append(tag.upTo(tag.count - 1))
                $0.append("-")
                $0.append(suffix)
                $0.append("\"")
            }
        }
    }
}

extension apus_str {
    /// Calls `body` for the elements of a list in a header field (RFC 9110, 5.6.1), without the spaces around them. Commas in
    /// quoted strings divide nothing.
    public func eachListElement(_ body: (Bytes) -> Void) {
        var start = 0
        var isQuoted = false
        var index = 0
        while index <= count {
            let byte = index < count ? self[index] : 0x2c
            if isQuoted, byte == 0x5c, index + 1 < count {
                index += 2
                continue
            }
            if byte == 0x22, index < count { isQuoted.toggle() }
            if index == count || byte == 0x2c && !isQuoted {
                let element = self[start..<index].trimmed
                if !element.isEmpty { body(element) }
                start = index + 1
            }
            index += 1
        }
    }
}

/// Weights of what a client accepts (RFC 9110, 12.4.2).
public enum QualityValue {
    /// The weight among parameters that begin with a semicolon, in thousandths; 1000 when none is given, 0 when it is no number.
    public static func read(_ parameters: Bytes) -> Int {
        var rest = parameters
        while let semicolon = rest.firstIndex(of: 0x3b) {
            rest = rest.from(semicolon + 1)
            let parameter = rest.upTo(rest.firstIndex(of: 0x3b) ?? rest.count).trimmed
            if parameter.hasPrefixIgnoringCase("q=") { return thousandths(parameter.from(2)) }
        }
        return 1000
    }

    private static func thousandths(_ text: Bytes) -> Int {
        guard !text.isEmpty, text[0] == 0x30 || text[0] == 0x31 else { return 0 }
        var value = Int(text[0] - 0x30) * 1000
        guard text.count > 1 else { return value }
        guard text[1] == 0x2e else { return 0 }
        var unit = 100
        for byte in text.from(2).buffer {
            guard byte.isDigit else { return 0 }
            value += Int(byte - 0x30) * unit
            unit /= 10
        }
        return min(value, 1000)
    }
}
