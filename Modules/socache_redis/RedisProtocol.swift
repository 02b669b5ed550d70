import ModuleKit
import RemoteCache

/// RESP2, the protocol of Redis. Keys and values are bytes of any kind, and times are milliseconds.
struct RedisProtocol: RemoteProtocol {
    let name: StaticString = "redis"
    let standardPort = 6379
    let longestData = 16 << 20

    /// AUTH, when the server is written with a password.
    func greeting(_ server: RemoteAddress) -> (bytes: [UInt8], replies: Int) {
        guard var password = server.password else { return ([], 0) }
        var bytes: [UInt8] = []
        let words = ["AUTH"] + (server.user.map { [$0] } ?? [])
        password.withUTF8 { RedisProtocol.append(words, Bytes(UnsafeRawBufferPointer($0)), to: &bytes) }
        return (bytes, 1)
    }

    func append(_ request: RemoteRequest, key: Bytes, to bytes: inout [UInt8]) {
        switch request {
        case .get: RedisProtocol.append(["GET"], key, to: &bytes)
        case .delete: RedisProtocol.append(["DEL"], key, to: &bytes)
        case .set(let milliseconds, let data):
            bytes.append(contentsOf: "*5\r\n$3\r\nSET\r\n".utf8)
            RedisProtocol.appendBulk(key.buffer, to: &bytes)
            RedisProtocol.appendBulk(data.buffer, to: &bytes)
            bytes.append(contentsOf: "$2\r\nPX\r\n".utf8)
            RedisProtocol.appendBulk("\(milliseconds)".utf8, to: &bytes)
        }
    }

    private static func append(_ words: [String], _ last: Bytes, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: "*\(words.count + 1)\r\n".utf8)
        for word in words { appendBulk(word.utf8, to: &bytes) }
        appendBulk(last.buffer, to: &bytes)
    }

    private static func appendBulk(_ content: some Collection<UInt8>, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: "$\(content.count)\r\n".utf8)
        bytes.append(contentsOf: content)
        bytes.append(contentsOf: "\r\n".utf8)
    }

    func parse(_ bytes: Bytes) -> RemoteParse {
        guard let end = bytes.firstIndex(of: 0x0a) else { return bytes.count < 4096 ? .incomplete : .nonsense }
        guard end > 1, bytes[end - 1] == 0x0d else { return .nonsense }
        let line = bytes[1..<end - 1]
        let length = end + 1
        switch bytes[0] {
        case UInt8(ascii: "+"), UInt8(ascii: ":"): return .reply(.done, length: length)
        case UInt8(ascii: "-"): return .reply(.refused(line), length: length)
        case UInt8(ascii: "$"):
            if line == "-1" { return .reply(.missing, length: length) }
            guard let count = line.decimal, 0...Int64(longestData) ~= count else { return .nonsense }
            return parseBulk(Int(count), bytes.from(length), headLength: length)
        default: return .nonsense
        }
    }

    private func parseBulk(_ count: Int, _ rest: Bytes, headLength: Int) -> RemoteParse {
        guard rest.count >= count + 2 else { return .incomplete }
        guard rest[count] == 0x0d, rest[count + 1] == 0x0a else { return .nonsense }
        return .reply(.found(rest.upTo(count)), length: headLength + count + 2)
    }

    func key(_ name: String, id: Bytes) -> [UInt8] { Array("apus:\(name):".utf8) + Array(id.buffer) }

    func wrap(_ data: Bytes, id: Bytes, expires: Int64) -> [UInt8] { Array(data.buffer) }

    func unwrap(_ value: Bytes, id: Bytes, now: Int64) -> Bytes? { value }
}
