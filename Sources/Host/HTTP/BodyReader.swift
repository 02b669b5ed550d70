import ByteKit
import ModuleABI

/// Takes a request body out of the bytes of the connection (RFC 9112, 6 and 7.1). Does no input or output.
struct BodyReader {
    enum Kind: UInt8 {
        case none, length, chunked
    }

    /// Where a chunked body stands.
    private enum Place: UInt8 {
        case size, data, dataEnd, trailer, end
    }

    /// What the next bytes are.
    enum Piece {
        /// So many bytes at the front are body.
        case data(Int)
        /// So many bytes at the front are framing: skip them and ask again.
        case skip(Int)
        /// More bytes are needed.
        case more
        /// The body is over; so many bytes at the front belong to its end.
        case end(Int)
        case invalid(StaticString)
    }

    private(set) var kind = Kind.none
    /// Bytes of the body, or of the chunk at hand, still to come.
    private(set) var left: Int64 = 0
    private var place = Place.size
    private(set) var isComplete = true
    /// Bytes of the body taken so far.
    private(set) var taken: Int64 = 0
    private var trailerLines = 0

    /// A chunk-size line may be this long, extensions included.
    static let chunkLineLimit = 256
    static let trailerLimit = 100
    static let trailerLineLimit = 8190

    mutating func start(length: Int64) {
        kind = .length
        left = length
        isComplete = length == 0
    }

    mutating func startChunked() {
        kind = .chunked
        isComplete = false
        place = .size
    }

    /// Tells what the bytes at the front are; call `took` with what was used of a data piece.
    mutating func next(_ bytes: Bytes, trailer: (Bytes, Bytes) -> Void) -> Piece {
        if isComplete { return .end(0) }
        if kind == .length { return bytes.isEmpty ? .more : .data(Int(min(left, Int64(bytes.count)))) }
        switch place {
        case .size: return chunkSize(bytes)
        case .data: return bytes.isEmpty ? .more : .data(Int(min(left, Int64(bytes.count))))
        case .dataEnd: return chunkEnd(bytes)
        case .trailer: return trailerLine(bytes, trailer)
        case .end: return .end(0)
        }
    }

    mutating func took(_ count: Int) {
        left -= Int64(count)
        taken += Int64(count)
        guard left == 0 else { return }
        if kind == .length { isComplete = true } else { place = .dataEnd }
    }

    /// chunk-size [ chunk-ext ] CRLF: hexadecimal digits; extensions are tokens and quoted strings, bounded and ignored.
    private mutating func chunkSize(_ bytes: Bytes) -> Piece {
        guard let lineFeed = bytes.firstIndex(of: 0x0a) else {
            return bytes.count > BodyReader.chunkLineLimit ? .invalid("a chunk's size line is too long") : .more
        }
        guard lineFeed <= BodyReader.chunkLineLimit else { return .invalid("a chunk's size line is too long") }
        guard lineFeed > 0, bytes[lineFeed - 1] == 0x0d else { return .invalid("a chunk's size line does not end in CR LF") }
        let line = bytes.upTo(lineFeed - 1)
        var size: Int64 = 0
        var digits = 0
        while digits < line.count, let value = line[digits].hexValue {
            guard size <= Int64.max >> 8 else { return .invalid("a chunk's size is too large") }
            size = size << 4 | Int64(value)
            digits += 1
        }
        guard digits > 0, digits <= 16 else { return .invalid("a chunk's size is no hexadecimal number") }
        guard BodyReader.isExtension(line.from(digits)) else { return .invalid("a chunk's extension is malformed") }
        left = size
        place = size == 0 ? .trailer : .data
        return .skip(lineFeed + 1)
    }

    /// RFC 9112, 7.1.1: *( BWS ";" BWS name [ BWS "=" BWS value ] ).
    private static func isExtension(_ text: Bytes) -> Bool {
        var rest = text
        while !rest.isEmpty {
            guard rest.trimmed.count > 0, rest[0] == 0x3b || rest[0] == 0x20 || rest[0] == 0x09 else { return false }
            rest = rest.trimmed
            guard rest[0] == 0x3b else { return false }
            rest = rest.from(1).trimmed
            let nameEnd = rest.buffer.firstIndex { $0 == 0x3d || $0 == 0x3b || $0 == 0x20 || $0 == 0x09 } ?? rest.count
            guard nameEnd > 0, Token.isToken(rest.upTo(nameEnd)) else { return false }
            rest = rest.from(nameEnd)
            guard rest.trimmed.count > 0, rest.trimmed[0] == 0x3d else { continue }
            rest = rest.trimmed.from(1).trimmed
            guard let valueEnd = valueEnd(rest) else { return false }
            rest = rest.from(valueEnd)
        }
        return true
    }

    private static func valueEnd(_ text: Bytes) -> Int? {
        guard !text.isEmpty else { return nil }
        if text[0] == 0x22 {
            var at = 1
            while at < text.count, text[at] != 0x22 { at += text[at] == 0x5c ? 2 : 1 }
            return at < text.count && Token.isFieldValue(text.upTo(at)) ? at + 1 : nil
        }
        let end = text.buffer.firstIndex { $0 == 0x3b || $0 == 0x20 || $0 == 0x09 } ?? text.count
        return end > 0 && Token.isToken(text.upTo(end)) ? end : nil
    }

    private mutating func chunkEnd(_ bytes: Bytes) -> Piece {
        guard bytes.count >= 1 else { return .more }
        guard bytes[0] == 0x0d else { return .invalid("a chunk does not end in CR LF") }
        guard bytes.count >= 2 else { return .more }
        guard bytes[1] == 0x0a else { return .invalid("a chunk does not end in CR LF") }
        place = .size
        return .skip(2)
    }

    /// Trailer fields (RFC 9112, 7.1.2) are header fields; those of framing and routing are refused.
    private mutating func trailerLine(_ bytes: Bytes, _ trailer: (Bytes, Bytes) -> Void) -> Piece {
        guard let lineFeed = bytes.firstIndex(of: 0x0a) else {
            return bytes.count > BodyReader.trailerLineLimit ? .invalid("a trailer field is too long") : .more
        }
        guard lineFeed > 0, bytes[lineFeed - 1] == 0x0d, lineFeed <= BodyReader.trailerLineLimit else {
            return .invalid("a trailer field is too long or does not end in CR LF")
        }
        let line = bytes.upTo(lineFeed - 1)
        if line.isEmpty {
            isComplete = true
            place = .end
            return .end(lineFeed + 1)
        }
        trailerLines += 1
        guard trailerLines <= BodyReader.trailerLimit else { return .invalid("there are too many trailer fields") }
        guard let colon = line.firstIndex(of: 0x3a), colon > 0, Token.isToken(line.upTo(colon)),
            Token.isFieldValue(line.from(colon + 1))
        else { return .invalid("a trailer field is malformed") }
        trailer(line.upTo(colon), line.from(colon + 1).trimmed)
        return .skip(lineFeed + 1)
    }
}
