import ModuleKit

/// A replacement with $0…$9 in it, in pieces, so that what a client sent is escaped before it is put in.
struct Template: BitwiseCopyable {
    /// Literal bytes, or a group of the match.
    private struct Piece: BitwiseCopyable {
        var literal = Bytes.none
        var group = -1
    }

    private var pieces = PoolArray<Piece>()
    /// How many ".." segments the text itself has.
    private(set) var climbs = 0

    init() {}

    /// Reads "$1" as a group and "\$" as a dollar. With `isURL`, the text up to its query is escaped as a
    /// path.
    init(_ text: Bytes, isURL: Bool, in pool: Pool) {
        climbs = text.climbs
        var literal: [UInt8] = []
        var isEscaping = isURL
        var index = 0
        while index < text.count {
            var byte = text[index]
            index += 1
            if byte == UInt8(ascii: "$"), index < text.count, text[index].isDigit {
                flush(&literal, in: pool)
                pieces.append(Piece(group: Int(text[index] - 0x30)), in: pool)
                index += 1
                continue
            }
            if byte == UInt8(ascii: "\\"), index < text.count {
                byte = text[index]
                index += 1
            }
            // What follows is a query or a fragment: the configuration's own business.
            if byte == UInt8(ascii: "?") || byte == UInt8(ascii: "#") { isEscaping = false }
            if isEscaping { literal += escaped(byte) } else { literal.append(byte) }
        }
        flush(&literal, in: pool)
    }

    /// The text with the groups of a match with `subject` filled in.
    func filled(_ subject: Bytes, _ spans: UnsafeMutableBufferPointer<Int64>, escaping: Bool, in pool: Pool)
        -> Bytes
    {
        pool.compose(capacity: size(spans, factor: escaping ? 3 : 1)) { writer in
            for piece in pieces.elements {
                if piece.group < 0 {
                    writer.append(piece.literal)
                } else if let group = Self.group(piece.group, of: subject, spans) {
                    if escaping { writer.append(escapingPath: group) } else { writer.append(group) }
                }
            }
        }
    }

    private mutating func flush(_ literal: inout [UInt8], in pool: Pool) {
        guard !literal.isEmpty else { return }
        let copy = literal.withUnsafeBytes { pool.copy(Bytes($0)) }
        pieces.append(Piece(literal: copy), in: pool)
        literal.removeAll()
    }

    private func escaped(_ byte: UInt8) -> [UInt8] {
        if byte.isPlainInPath { return [byte] }
        let digits = Array("0123456789abcdef".utf8)
        return [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }

    private func size(_ spans: UnsafeMutableBufferPointer<Int64>, factor: Int) -> Int {
        pieces.elements.reduce(0) { size, piece in
            guard piece.group >= 0, piece.group * 2 + 1 < spans.count else {
                return size + piece.literal.count
            }
            return size + Int(max(0, spans[piece.group * 2 + 1] - spans[piece.group * 2])) * factor
        }
    }

    private static func group(
        _ number: Int, of subject: Bytes, _ spans: UnsafeMutableBufferPointer<Int64>
    ) -> Bytes? {
        guard number * 2 + 1 < spans.count else { return nil }
        let start = Int(spans[number * 2])
        let end = Int(spans[number * 2 + 1])
        guard start >= 0, start < end, end <= subject.count else { return nil }
        return subject[start..<end]
    }
}

extension Pattern {
    /// Calls `body` with the groups of a match; nil: no match.
    func matching<R>(_ subject: Bytes, _ body: (UnsafeMutableBufferPointer<Int64>) -> R) -> R? {
        withUnsafeTemporaryAllocation(of: Int64.self, capacity: 20) { spans in
            spans.initialize(repeating: -1)
            return match(subject, spans: spans) ? body(spans) : nil
        }
    }
}
