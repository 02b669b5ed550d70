import ByteKit

@testable import Host

/// Whatever a client sends: each answer is one, and the connection ends with its client.
enum ConnectionTarget {
    static func run(_ bytes: Bytes) -> Int32 {
        guard bytes.count <= 16_000 else { return -1 }
        let whole = statuses(InProcessServer.exchange(bytes))
        guard bytes.count < 400 else { return 0 }
        let pieces = statuses(InProcessServer.exchange(bytes, piece: 5))
        demand(whole == pieces, "the answers depend on how the request arrives: \(whole) and \(pieces)")
        return 0
    }

    /// The statuses of the answers; what is between their heads is framed as the heads say.
    private static func statuses(_ answer: [UInt8]) -> [Int] {
        var found: [Int] = []
        var rest = answer[...]
        while !rest.isEmpty {
            guard let head = AnswerHead(&rest) else {
                demand(false, "an answer is none: \(String(decoding: rest.prefix(200), as: UTF8.self))")
                return found
            }
            found.append(head.status)
            // A HEAD's answer announces a body that does not follow: where the next begins tells.
            if let length = head.length, rest.count >= length, !rest.starts(with: Array("HTTP/1.1 ".utf8)) || length == 0 {
                rest = rest.dropFirst(length)
            } else if head.isChunked {
                return found
            }
        }
        return found
    }
}

/// The head of an answer, taken off the front.
private struct AnswerHead {
    let status: Int
    let length: Int?
    let isChunked: Bool

    init?(_ rest: inout ArraySlice<UInt8>) {
        var lines: [String] = []
        while let end = rest.firstIndex(of: 0x0a) {
            let line = rest[..<end]
            rest = rest[(end + 1)...]
            guard line.last == 0x0d, !line.dropLast().contains(0x0d) else { return nil }
            if line.count == 1 { break }
            lines.append(String(decoding: line.dropLast(), as: UTF8.self))
        }
        guard let first = lines.first, first.hasPrefix("HTTP/1.1 "), let status = Int(first.dropFirst(9).prefix(3)) else { return nil }
        self.status = status
        length = lines.first { $0.hasPrefix("Content-Length: ") }.flatMap { Int($0.dropFirst(16)) }
        isChunked = lines.contains("Transfer-Encoding: chunked")
    }
}

/// A Range field never gets bytes that are not of the file, nor more than it has.
enum RangesTarget {
    static func run(_ bytes: Bytes) -> Int32 {
        guard bytes.count < 4000, Token.isFieldValue(bytes) else { return -1 }
        let text = "GET /f.bin HTTP/1.1\r\nHost: x\r\nConnection: close\r\nRange: bytes="
        let request = Array(text.utf8) + Array(bytes.buffer) + Array("\r\n\r\n".utf8)
        let answer = request.withUnsafeBytes { InProcessServer.exchange(Bytes($0)) }
        let file = InProcessServer.file
        guard let (head, body) = split(answer) else {
            demand(false, "no answer to a range")
            return 0
        }
        switch head.prefix(12) {
        case "HTTP/1.1 200": demand(body == file, "the whole file is not the whole file")
        case "HTTP/1.1 416": demand(head.contains("Content-Range: bytes */\(file.count)"), "416 does not tell the length")
        case "HTTP/1.1 206": checkPart(head, body, file)
        case "HTTP/1.1 400": break
        default: demand(false, "a range is answered with \(head.prefix(12))")
        }
        return 0
    }

    private static func checkPart(_ head: String, _ body: [UInt8], _ file: [UInt8]) {
        guard let line = head.split(separator: "\r\n").first(where: { $0.hasPrefix("Content-Range: bytes ") }) else {
            demand(head.contains("multipart/byteranges"), "206 without Content-Range or parts")
            // Parts are never more than the file, but for their heads, of which each has less than 200 bytes.
            return demand(body.count < file.count + 201 * 200, "the parts are larger than the file: \(body.count)")
        }
        let numbers = line.dropFirst(21).split(whereSeparator: { $0 == "-" || $0 == "/" }).compactMap { Int($0) }
        demand(numbers.count == 3 && numbers[2] == file.count, "Content-Range is none: \(line)")
        demand(numbers[0] <= numbers[1] && numbers[1] < file.count, "a range lies outside the file: \(line)")
        demand(body == Array(file[numbers[0]...numbers[1]]), "a part is not what Content-Range says")
    }

    private static func split(_ answer: [UInt8]) -> (String, [UInt8])? {
        for index in answer.indices.dropLast(3) where answer[index...].starts(with: [0x0d, 0x0a, 0x0d, 0x0a]) {
            return (String(decoding: answer[..<(index + 2)], as: UTF8.self), Array(answer[(index + 4)...]))
        }
        return nil
    }
}
