import ModuleKit

/// One element as it stands in a document.
struct Element {
    struct Attribute {
        var name: [UInt8] = []
        /// Nil: there is no equals sign behind the name.
        var value: [UInt8]?
    }

    var name: [UInt8] = []
    var attributes: [Attribute] = []
    /// Why it cannot be used.
    var problem: String?
}

/// Finds elements in a document that comes in pieces of any length.
///
/// An element is kept until its end, so it may only be so long; text goes through at once.
struct ElementReader {
    enum Event {
        /// So many bytes of a start tag that turned out to be none, which came in earlier pieces.
        case startOfTag(Int)
        case text(Range<Int>)
        case element(Element)
    }

    /// Bytes of an element, without its start tag.
    static let limit = 64 << 10

    private let start: [UInt8]
    private let end: [UInt8]
    /// For each length of a beginning of the start tag, that of its longest own beginning that it ends in.
    private let fallback: [Int]

    private var state = State.text
    /// Bytes of the tag at hand that have matched.
    private var matched = 0
    private var length = 0
    private var element = Element()
    private var quote: UInt8 = 0

    private enum State {
        case text, name, beforeAttribute, endTag, attributeName, beforeEquals, beforeValue, value, escape
        /// The element is too long: all up to its end is dropped.
        case tooLong
    }

    init(start: Bytes, end: Bytes) {
        self.start = Array(start.buffer)
        self.end = Array(end.buffer)
        fallback = Self.fallback(of: self.start)
    }

    private static func fallback(of tag: [UInt8]) -> [Int] {
        var lengths = [0, 0]
        var length = 0
        for index in 1..<max(1, tag.count) {
            while length > 0, tag[index] != tag[length] { length = lengths[length] }
            if tag[index] == tag[length] { length += 1 }
            lengths.append(length)
        }
        return lengths
    }

    /// Whether the document ended inside an element; else what of a start tag is text after all.
    mutating func finish() -> (isInside: Bool, textLength: Int) {
        defer { (state, matched) = (.text, 0) }
        return (state != .text, state == .text ? matched : 0)
    }

    /// The bytes of a start tag, which `startOfTag` counts.
    func startOfTag(_ count: Int) -> ArraySlice<UInt8> { start[..<count] }

    // MARK: Text

    /// The next thing in the bytes from `position` on, which moves behind it; nil: all has been looked at.
    mutating func next(in bytes: Bytes, from position: inout Int) -> Event? {
        if state == .text, let event = text(in: bytes, from: &position) { return event }
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            length += 1
            if length > Self.limit, state != .tooLong {
                element.problem = "it is longer than \(Self.limit) bytes"
                matched = 0
                state = .tooLong
            }
            if take(byte) { return .element(takeElement()) }
        }
        return nil
    }

    /// Text up to the next start tag, or nil behind the tag.
    private mutating func text(in bytes: Bytes, from position: inout Int) -> Event? {
        // A beginning of the tag may lie in an earlier piece.
        while matched > 0, position < bytes.count {
            if bytes[position] == start[matched] {
                matched += 1
                position += 1
                if matched == start.count {
                    begin()
                    return nil
                }
                continue
            }
            let before = matched
            matched = fallback[matched]
            return .startOfTag(before - matched)
        }
        guard position < bytes.count else { return nil }
        let first = position
        while let found = bytes.firstIndex(of: start[0], from: position) {
            let count = min(start.count, bytes.count - found)
            if (1..<max(1, count)).allSatisfy({ bytes[found + $0] == start[$0] }) {
                // Whole, or as far as the bytes go.
                position = found + count
                matched = count
                if count == start.count {
                    begin()
                    if found == first { return nil }
                    return .text(first..<found)
                }
                return found == first ? nil : .text(first..<found)
            }
            position = found + 1
        }
        position = bytes.count
        return .text(first..<bytes.count)
    }

    private mutating func begin() {
        state = .name
        matched = 0
        length = 0
        element = Element()
    }

    private mutating func takeElement() -> Element {
        state = .text
        matched = 0
        return element
    }

    // MARK: Elements

    /// True: the element is complete.
    private mutating func take(_ byte: UInt8) -> Bool {
        switch state {
        case .text: break
        case .name: return takeName(byte)
        case .beforeAttribute:
            if byte.isBlank { break }
            matched = 0
            state = .endTag
            return takeEnd(byte)
        case .endTag: return takeEnd(byte)
        case .attributeName:
            if byte == UInt8(ascii: "=") || byte.isBlank {
                state = byte.isBlank ? .beforeEquals : .beforeValue
            } else {
                element.attributes[element.attributes.count - 1].name.append(byte.asciiLowercased)
            }
        case .beforeEquals:
            if byte.isBlank { break }
            if byte == UInt8(ascii: "=") {
                state = .beforeValue
            } else {
                state = .beforeAttribute
                return take(byte)
            }
        case .beforeValue: takeValueStart(byte)
        case .value: takeValue(byte)
        case .escape:
            // A backslash before the quotation mark makes that part of the value.
            if byte != quote { append(UInt8(ascii: "\\")) }
            state = .value
            byte == quote ? append(byte) : takeValue(byte)
        case .tooLong: return takeRest(byte)
        }
        return false
    }

    private mutating func takeName(_ byte: UInt8) -> Bool {
        if byte.isBlank {
            state = .beforeAttribute
            return false
        }
        element.name.append(byte.asciiLowercased)
        guard byte == end[end.count - 1], element.name.count >= end.count,
            zip(element.name.suffix(end.count), end).allSatisfy({ $0 == $1.asciiLowercased })
        else { return false }
        element.name.removeLast(end.count)
        return true
    }

    private mutating func takeEnd(_ byte: UInt8) -> Bool {
        if byte == end[matched] {
            matched += 1
            return matched == end.count
        }
        // It was none: what looked like it begins the name of an attribute.
        let seen = matched
        matched = 0
        element.attributes.append(Element.Attribute())
        state = .attributeName
        for index in 0..<seen { _ = take(end[index]) }
        return take(byte)
    }

    private mutating func takeValueStart(_ byte: UInt8) {
        if byte.isBlank { return }
        element.attributes[element.attributes.count - 1].value = []
        state = .value
        let isQuote = byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") || byte == UInt8(ascii: "`")
        quote = isQuote ? byte : 0
        if !isQuote { takeValue(byte) }
    }

    private mutating func takeValue(_ byte: UInt8) {
        if quote == 0 ? byte.isBlank : byte == quote {
            state = .beforeAttribute
        } else if quote != 0, byte == UInt8(ascii: "\\") {
            state = .escape
        } else {
            append(byte)
        }
    }

    private mutating func append(_ byte: UInt8) { element.attributes[element.attributes.count - 1].value?.append(byte) }

    private mutating func takeRest(_ byte: UInt8) -> Bool {
        while matched > 0, byte != end[matched] { matched = 0 }
        if byte == end[matched] { matched += 1 }
        return matched == end.count
    }
}

extension UInt8 {
    /// As isspace says in the C locale.
    var isBlank: Bool { self == 0x20 || self &- 9 < 5 }

    /// What the name of a variable is made of where nothing else ends it.
    var isNameByte: Bool { isDigit || asciiLowercased &- 0x61 < 26 || self == UInt8(ascii: "_") }
}
