import ByteKit
import ModuleABI

@testable import CGIScripts
@testable import Include

/// A document must come out the same however it is cut, and an element may only be so long.
enum IncludeTarget {
    static func run(_ bytes: Bytes) -> Int32 {
        guard let first = bytes.isEmpty ? nil : bytes[0] else { return -1 }
        let document = bytes.from(1)
        let whole = read(document, step: document.count, first)
        for step in [1, 7] where bytes.count < 4096 {
            let pieces = read(document, step: step, first)
            demand(whole == pieces, "a document depends on how it arrives: \(whole), by \(step): \(pieces)")
        }
        codings(Array(document.buffer.prefix(256)))
        return 0
    }

    private struct Outcome: Equatable {
        var text: [UInt8] = []
        var elements: [[[UInt8]]] = []
        var isInside = false
    }

    /// Tags that overlap themselves are the hard ones.
    private static func reader(_ first: UInt8) -> ElementReader {
        switch first % 4 {
        case 0: ElementReader(start: Bytes("<!--#"), end: Bytes("-->"))
        case 1: ElementReader(start: Bytes("<!<!--#"), end: Bytes("==>"))
        case 2: ElementReader(start: Bytes("aab"), end: Bytes("a"))
        default: ElementReader(start: Bytes("<"), end: Bytes(">"))
        }
    }

    private static func read(_ document: Bytes, step: Int, _ first: UInt8) -> Outcome {
        var reader = reader(first)
        var outcome = Outcome()
        var at = 0
        while at < document.count {
            let piece = document[at..<min(document.count, at + max(step, 1))]
            var position = 0
            var before = -1
            while let event = reader.next(in: piece, from: &position) {
                take(event, piece, reader, &outcome)
                demand(position <= piece.count, "the reader stands beyond its bytes")
                if case .startOfTag = event { continue }
                demand(position > before, "the reader does not move")
                before = position
            }
            demand(position == piece.count, "bytes are left over")
            at += piece.count
        }
        let (isInside, textLength) = reader.finish()
        outcome.isInside = isInside
        outcome.text += reader.startOfTag(textLength)
        return outcome
    }

    private static func take(_ event: ElementReader.Event, _ piece: Bytes, _ reader: ElementReader, _ outcome: inout Outcome) {
        switch event {
        case .startOfTag(let count): outcome.text += reader.startOfTag(count)
        case .text(let range):
            demand(!range.isEmpty, "a text is empty")
            outcome.text += piece[range].buffer
        case .element(let element):
            var words = [element.name, Array((element.problem ?? "").utf8)]
            if element.problem == nil {
                for attribute in element.attributes { words += [attribute.name, attribute.value ?? Array("(none)".utf8)] }
            }
            outcome.elements.append(words)
        }
    }

    /// What an encoding puts on, its decoding takes off.
    private static func codings(_ text: [UInt8]) {
        demand(Coding.base64.decode(Coding.base64.encode(text)) == text, "base64 changes a text")
        let plain = Array(text.prefix { $0 != 0 })
        demand(Coding.url.decode(Coding.url.encode(plain)) == plain, "percent signs change a text")
        demand(Coding.urlencoded.decode(Coding.urlencoded.encode(plain)) == plain, "the encoding of forms changes a text")
        demand(Coding.entity.decode(Coding.entity.encode(text)) == text, "character references change a text")
        _ = Coding.entity.decode(text)
        _ = Coding.base64.decode(text)
        _ = Coding.urlencoded.decode(text)
    }
}

/// What a program writes must not become more, or other, fields than it is read as.
enum ScriptTarget {
    static func run(_ bytes: Bytes) -> Int32 {
        guard let first = bytes.isEmpty ? nil : bytes[0] else { return -1 }
        let text = bytes.from(1)
        let isRaw = first & 1 == 1
        var head = ScriptHead()
        let outcome = head.read(text, isRaw: isRaw)
        check(head, outcome, text)
        var pieces = ScriptHead()
        for end in 1...max(1, text.count) where bytes.count < 1024 {
            guard case .more = pieces.read(text.upTo(min(end, text.count)), isRaw: isRaw) else { break }
            demand(pieces.fields.isEmpty, "a head that is not complete has fields")
        }
        if bytes.count < 1024 {
            demand(pieces.status == head.status && pieces.fields.count == head.fields.count, "a head depends on how it arrives")
        }
        return 0
    }

    private static func check(_ head: ScriptHead, _ outcome: ScriptHead.Outcome, _ text: Bytes) {
        guard case .done(let length) = outcome else { return }
        demand(length <= text.count, "a head is longer than its bytes")
        demand(head.status == 0 || 100...599 ~= head.status, "a status is \(head.status)")
        for (name, value) in head.fields {
            demand(!name.isEmpty && name.buffer.allSatisfy(isToken), "a field's name is no token")
            demand(value.buffer.allSatisfy { $0 >= 0x20 && $0 != 0x7f || $0 == 9 }, "a field's value holds a control byte")
        }
    }

    /// RFC 9110, 5.6.2.
    private static func isToken(_ byte: UInt8) -> Bool {
        byte.isDigit || byte.asciiLowercased &- 0x61 < 26 || Bytes("!#$%&'*+-.^_`|~").contains(byte)
    }
}
