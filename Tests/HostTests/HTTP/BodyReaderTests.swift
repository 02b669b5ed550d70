import ByteKit
import Testing

@testable import Host

/// Feeds a chunked body in pieces of every size and looks at what comes out: the cut must not matter.
struct BodyReaderTests {
    enum Outcome: Equatable {
        case body(String, left: Int)
        case refused
        case incomplete
    }

    static let cases: [(name: String, bytes: String, outcome: Outcome)] = [
        ("one chunk", "5\r\nhello\r\n0\r\n\r\n", .body("hello", left: 0)),
        ("two chunks", "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", .body("hello", left: 0)),
        ("empty body", "0\r\n\r\n", .body("", left: 0)),
        ("upper case and zeros", "000A\r\n0123456789\r\n0\r\n\r\n", .body("0123456789", left: 0)),
        ("what follows stays", "1\r\nx\r\n0\r\n\r\nGET /", .body("x", left: 5)),
        ("extension", "1;a=b;c=\"d;e\";f\r\nx\r\n0\r\n\r\n", .body("x", left: 0)),
        ("white space before an extension", "1 ;a\r\nx\r\n0\r\n\r\n", .body("x", left: 0)),
        ("trailer", "1\r\nx\r\n0\r\nName: value\r\n\r\n", .body("x", left: 0)),
        ("bare line feed after the size", "1\nx\r\n0\r\n\r\n", .refused),
        ("bare line feed after the data", "1\r\nx\n0\r\n\r\n", .refused),
        ("more data than announced", "1\r\nxy\r\n0\r\n\r\n", .refused),
        ("no size", "\r\nx\r\n0\r\n\r\n", .refused),
        ("no digit", "g\r\n", .refused),
        ("prefix", "0x1\r\nx\r\n0\r\n\r\n", .refused),
        ("sign", "+1\r\nx\r\n0\r\n\r\n", .refused),
        ("space after the size", "1 \r\nx\r\n0\r\n\r\n", .refused),
        ("overflow", "ffffffffffffffff\r\n", .refused),
        ("nameless extension", "1;=b\r\nx\r\n0\r\n\r\n", .refused),
        ("trailer without a colon", "0\r\nName\r\n\r\n", .refused),
        ("trailer with a space before the colon", "0\r\nName : x\r\n\r\n", .refused),
        ("end missing", "1\r\nx\r\n0\r\n", .incomplete),
        ("nothing", "", .incomplete),
    ]

    @Test(arguments: cases.indices)
    func chunked(index: Int) {
        let (name, bytes, expected) = Self.cases[index]
        for step in 1...max(1, min(bytes.utf8.count, 7)) {
            #expect(read(Array(bytes.utf8), step: step) == expected, "\(name), \(step) bytes at a time")
        }
    }

    private func read(_ bytes: [UInt8], step: Int) -> Outcome {
        var reader = BodyReader()
        reader.startChunked()
        var body = ""
        var start = 0
        var end = 0
        while true {
            let piece = bytes[start..<end].withUnsafeBytes { reader.next(Bytes($0), trailer: { _, _ in }) }
            switch piece {
            case .data(let count):
                body += String(decoding: bytes[start..<start + count], as: UTF8.self)
                reader.took(count)
                start += count
            case .skip(let count): start += count
            case .end(let count): return .body(body, left: bytes.count - start - count)
            case .invalid: return .refused
            case .more:
                guard end < bytes.count else { return .incomplete }
                end = min(bytes.count, end + step)
            }
        }
    }

    @Test func lengthEndsExactly() {
        var reader = BodyReader()
        reader.start(length: 3)
        let bytes = Array("abcdef".utf8)
        let piece = bytes.withUnsafeBytes { reader.next(Bytes($0), trailer: { _, _ in }) }
        guard case .data(3) = piece else { return #expect(Bool(false), "three bytes are body") }
        reader.took(3)
        #expect(reader.isComplete)
    }
}
