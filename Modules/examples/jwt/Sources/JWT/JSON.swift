/// As much of JSON (RFC 8259) as tokens need.
enum JSON {
    case object([String: JSON])
    case array([JSON])
    case string(String)
    case number(String)
    case other(String)

    var text: String? { if case .string(let text) = self { text } else { nil } }

    /// A number without a fraction that matters.
    var whole: Int64? {
        guard case .number(let text) = self else { return nil }
        return Int64(text) ?? Double(text).flatMap { $0.magnitude < 9e15 ? Int64($0) : nil }
    }

    /// Nil: it is no JSON, or one with a name twice in an object.
    static func parse(_ bytes: [UInt8]) -> JSON? {
        var parser = Parser(bytes: bytes)
        guard let value = parser.value(depth: 0) else { return nil }
        parser.skip()
        return parser.isAtEnd ? value : nil
    }

    private struct Parser {
        let bytes: [UInt8]
        var place = 0

        var isAtEnd: Bool { place == bytes.count }
        private var next: UInt8? { place < bytes.count ? bytes[place] : nil }

        init(bytes: [UInt8]) { self.bytes = bytes }

        mutating func skip() { while let byte = next, [0x20, 0x09, 0x0a, 0x0d].contains(byte) { place += 1 } }

        private mutating func take(_ byte: UInt8) -> Bool {
            skip()
            guard next == byte else { return false }
            place += 1
            return true
        }

        mutating func value(depth: Int) -> JSON? {
            skip()
            guard depth < 16, let byte = next else { return nil }
            switch byte {
            case 0x7b: return object(depth)
            case 0x5b: return array(depth)
            case 0x22: return string().map { .string($0) }
            case 0x2d, 0x30...0x39: return number()
            default: return word()
            }
        }

        private mutating func object(_ depth: Int) -> JSON? {
            var members: [String: JSON] = [:]
            let isWhole = list(0x7d) { parser in
                parser.skip()
                guard parser.next == 0x22, let name = parser.string(), parser.take(0x3a), let value = parser.value(depth: depth + 1) else { return false }
                return members.updateValue(value, forKey: name) == nil
            }
            return isWhole ? .object(members) : nil
        }

        private mutating func array(_ depth: Int) -> JSON? {
            var items: [JSON] = []
            let isWhole = list(0x5d) { parser in
                guard let value = parser.value(depth: depth + 1) else { return false }
                items.append(value)
                return true
            }
            return isWhole ? .array(items) : nil
        }

        /// What stands between commas, up to the closing bracket.
        private mutating func list(_ end: UInt8, _ item: (inout Parser) -> Bool) -> Bool {
            place += 1
            if take(end) { return true }
            repeat { guard item(&self) else { return false } } while take(0x2c)
            return take(end)
        }

        private mutating func string() -> String? {
            place += 1
            var units: [UInt8] = []
            while let byte = next {
                place += 1
                switch byte {
                case 0x22: return String(validating: units, as: UTF8.self)
                case 0..<0x20: return nil
                case 0x5c:
                    guard let escaped = escape() else { return nil }
                    units += Array(String(escaped).utf8)
                default: units.append(byte)
                }
            }
            return nil
        }

        private mutating func escape() -> Unicode.Scalar? {
            guard let byte = next else { return nil }
            place += 1
            if let letter = Array("\"\\/bfnrt".utf8).firstIndex(of: byte) { return Array("\"\\/\u{8}\u{c}\n\r\t".unicodeScalars)[letter] }
            guard byte == 0x75 else { return nil }
            guard let high = hexadecimal() else { return nil }
            guard (0xd800..<0xdc00).contains(high) else { return Unicode.Scalar(high) }
            guard next == 0x5c, place + 1 < bytes.count, bytes[place + 1] == 0x75 else { return nil }
            place += 2
            guard let low = hexadecimal(), (0xdc00..<0xe000).contains(low) else { return nil }
            return Unicode.Scalar(0x10000 + (high - 0xd800) << 10 + (low - 0xdc00))
        }

        private mutating func hexadecimal() -> UInt32? {
            guard place + 4 <= bytes.count else { return nil }
            defer { place += 4 }
            return UInt32(String(decoding: bytes[place..<place + 4], as: UTF8.self), radix: 16)
        }

        private mutating func number() -> JSON? {
            let start = place
            while let byte = next, (0x30...0x39).contains(byte) || [0x2b, 0x2d, 0x2e, 0x45, 0x65].contains(byte) { place += 1 }
            let text = String(decoding: bytes[start..<place], as: UTF8.self)
            return Double(text) == nil ? nil : .number(text)
        }

        private mutating func word() -> JSON? {
            for word in ["true", "false", "null"] where bytes[place...].starts(with: word.utf8) {
                place += word.utf8.count
                return .other(word)
            }
            return nil
        }
    }
}
