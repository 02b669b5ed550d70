import ByteKit
import ModuleKit

/// An encoding that `echo` and `set` put on a value, or take off it.
enum Coding {
    case none, url, urlencoded, entity, base64

    init?(_ name: Bytes) {
        switch name.string.lowercased() {
        case "none": self = .none
        case "url": self = .url
        case "urlencoded": self = .urlencoded
        case "entity": self = .entity
        case "base64": self = .base64
        default: return nil
        }
    }

    func encode(_ text: [UInt8]) -> [UInt8] {
        switch self {
        case .none: return text
        case .url: return Self.encodePercent(text) { $0.isAlphanumeric || Bytes("$-_.+!*'(),:;@&=/~").contains($0) }
        case .urlencoded:
            return Self.encodePercent(text) { $0.isAlphanumeric || $0 == 0x20 || Bytes(".-*_").contains($0) }
                .map { $0 == 0x20 ? UInt8(ascii: "+") : $0 }
        case .entity:
            var out: [UInt8] = []
            text.withBytes { out.append(escapingHTML: $0) }
            return out
        case .base64:
            return [UInt8](unsafeUninitializedCapacity: Base64.encodedLength(text.count)) { room, count in
                guard let start = room.baseAddress else { return }
                var writer = ByteWriter(start, capacity: room.count)
                text.withBytes { Base64.encode($0, &writer) }
                count = writer.count
            }
        }
    }

    func decode(_ text: [UInt8]) -> [UInt8] {
        switch self {
        case .none: text
        case .url: Self.decodePercent(text)
        case .urlencoded: Self.decodePercent(text.map { $0 == UInt8(ascii: "+") ? 0x20 : $0 })
        case .entity: Entity.decode(text)
        case .base64:
            [UInt8](unsafeUninitializedCapacity: text.count) { room, count in
                guard let start = room.baseAddress else { return }
                var writer = ByteWriter(start, capacity: room.count)
                text.withBytes { _ = Base64.decode($0, &writer) }
                count = writer.count
            }
        }
    }

    private static func encodePercent(_ text: [UInt8], _ isPlain: (UInt8) -> Bool) -> [UInt8] {
        var out: [UInt8] = []
        for byte in text {
            if isPlain(byte) {
                out.append(byte)
            } else {
                out.append(UInt8(ascii: "%"))
                for digit in [byte >> 4, byte & 15] { out.append(digit < 10 ? 0x30 + digit : 0x57 + digit) }
            }
        }
        return out
    }

    /// Percent signs that escape nothing stay; a NUL ends the text, as in httpd.
    static func decodePercent(_ text: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        var index = 0
        while index < text.count {
            var byte = text[index]
            if byte == UInt8(ascii: "%"), index + 2 < text.count, let high = text[index + 1].hexValue,
                let low = text[index + 2].hexValue
            {
                byte = high << 4 | low
                index += 2
            }
            if byte == 0 { break }
            out.append(byte)
            index += 1
        }
        return out
    }
}

/// Character references of HTML that stand for one byte of Latin 1.
enum Entity {
    /// By their codes, from 192 on.
    private static let letters: [String] = [
        "Agrave", "Aacute", "Acirc", "Atilde", "Auml", "Aring", "AElig", "Ccedil", "Egrave", "Eacute", "Ecirc", "Euml",
        "Igrave", "Iacute", "Icirc", "Iuml", "ETH", "Ntilde", "Ograve", "Oacute", "Ocirc", "Otilde", "Ouml", "times", "Oslash",
        "Ugrave", "Uacute", "Ucirc", "Uuml", "Yacute", "THORN", "szlig", "agrave", "aacute", "acirc", "atilde", "auml", "aring",
        "aelig", "ccedil", "egrave", "eacute", "ecirc", "euml", "igrave", "iacute", "icirc", "iuml", "eth", "ntilde", "ograve",
        "oacute", "ocirc", "otilde", "ouml", "divide", "oslash", "ugrave", "uacute", "ucirc", "uuml", "yacute", "thorn", "yuml",
    ]

    static func decode(_ text: [UInt8]) -> [UInt8] {
        guard text.contains(UInt8(ascii: "&")) else { return text }
        var out: [UInt8] = []
        var index = 0
        var end = -1
        while index < text.count {
            guard text[index] == UInt8(ascii: "&") else {
                out.append(text[index])
                index += 1
                continue
            }
            if end < index { end = text[index...].firstIndex(of: UInt8(ascii: ";")) ?? text.count }
            guard end < text.count else { return out + text[index...] }
            let name = text[index + 1..<end]
            if name.first == UInt8(ascii: "#") {
                if let byte = numbered(name.dropFirst()) { out.append(byte) }
                index = end + 1
            } else if let byte = named(name) {
                out.append(byte)
                index = end + 1
            } else {
                out.append(text[index])
                index += 1
            }
        }
        return out
    }

    /// Codes of control characters, and those that are no Latin 1, stand for nothing.
    private static func numbered(_ digits: ArraySlice<UInt8>) -> UInt8? {
        var value = 0
        for digit in digits.prefix(6) {
            guard digit.isDigit else { break }
            value = value * 10 + Int(digit - 0x30)
        }
        let isControl = value <= 8 || 11...31 ~= value || 127...160 ~= value || value >= 256
        return isControl ? nil : UInt8(value)
    }

    private static func named(_ name: ArraySlice<UInt8>) -> UInt8? {
        guard 2...6 ~= name.count else { return nil }
        let text = String(decoding: name, as: UTF8.self)
        switch text {
        case "lt": return UInt8(ascii: "<")
        case "gt": return UInt8(ascii: ">")
        case "amp": return UInt8(ascii: "&")
        case "quot": return UInt8(ascii: "\"")
        default: return letters.firstIndex(of: text).map { UInt8(192 + $0) }
        }
    }
}

extension UInt8 {
    fileprivate var isAlphanumeric: Bool { isDigit || asciiLowercased &- 0x61 < 26 }
}

extension [UInt8] {
    func withBytes<R>(_ body: (Bytes) throws -> R) rethrows -> R {
        try withUnsafeBytes { try body($0.isEmpty ? Bytes("") : Bytes($0)) }
    }
}
