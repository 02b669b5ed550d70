import Glibc
import ModuleKit
import RemoteCache

/// The text protocol of memcached.
///
/// Its keys are short and have no spaces, so that a key is the id in hexadecimal digits, or for a long id the digits of its
/// beginning and of a hash. Its times are seconds. Both are mended by what precedes the data: the time in microseconds and a
/// long id.
struct MemcacheProtocol: RemoteProtocol {
    let name: StaticString = "memcache"
    let standardPort = 11211
    /// A server takes 1 MiB unless it is told otherwise, with its own and our head in it.
    let longestData = 1_000_000

    private static let longestPlainID = 90
    private static let headLength = 12

    func greeting(_ server: RemoteAddress) -> (bytes: [UInt8], replies: Int) { ([], 0) }

    func append(_ request: RemoteRequest, key: Bytes, to bytes: inout [UInt8]) {
        switch request {
        case .get:
            bytes.append(contentsOf: "get ".utf8)
            bytes.append(contentsOf: key.buffer)
        case .set(let milliseconds, let data):
            bytes.append(contentsOf: "set ".utf8)
            bytes.append(contentsOf: key.buffer)
            bytes.append(contentsOf: " 0 \(MemcacheProtocol.seconds(milliseconds)) \(data.count)\r\n".utf8)
            bytes.append(contentsOf: data.buffer)
        case .delete:
            bytes.append(contentsOf: "delete ".utf8)
            bytes.append(contentsOf: key.buffer)
        }
        bytes.append(contentsOf: "\r\n".utf8)
    }

    /// Rounded up. More than 30 days would be taken for a date.
    private static func seconds(_ milliseconds: Int64) -> Int64 { min((milliseconds + 999) / 1000, 30 * 86400) }

    func parse(_ bytes: Bytes) -> RemoteParse {
        guard let end = bytes.firstIndex(of: 0x0a) else { return bytes.count < 1024 ? .incomplete : .nonsense }
        guard end > 0, bytes[end - 1] == 0x0d else { return .nonsense }
        let line = bytes.upTo(end - 1)
        let length = end + 1
        if line == "STORED" || line == "DELETED" { return .reply(.done, length: length) }
        if line == "END" || line == "NOT_FOUND" { return .reply(.missing, length: length) }
        if line == "NOT_STORED" || line == "EXISTS" { return .reply(.done, length: length) }
        if line.hasPrefix("VALUE ") { return parseValue(line, bytes.from(length), headLength: length) }
        // "ERROR" says that a request was not understood: what follows cannot be told.
        if line.hasPrefix("SERVER_ERROR ") || line.hasPrefix("CLIENT_ERROR ") {
            return .reply(.refused(line), length: length)
        }
        return .nonsense
    }

    /// VALUE key flags bytes, the data, END.
    private func parseValue(_ line: Bytes, _ rest: Bytes, headLength: Int) -> RemoteParse {
        guard let space = line.lastIndex(of: 0x20), let count = line.from(space + 1).decimal, count >= 0,
            count <= Int64(longestData) + 4096
        else { return .nonsense }
        let end = Bytes("\r\nEND\r\n")
        let length = Int(count) + end.count
        guard rest.count >= length else { return .incomplete }
        guard rest[Int(count)..<length] == end else { return .nonsense }
        return .reply(.found(rest.upTo(Int(count))), length: headLength + length)
    }

    func key(_ name: String, id: Bytes) -> [UInt8] {
        let isPlain = id.count <= MemcacheProtocol.longestPlainID
        var key = Array("apus:\(name):".utf8)
        MemcacheProtocol.appendDigits(of: isPlain ? id.buffer : id.upTo(MemcacheProtocol.longestPlainID - 20).buffer, to: &key)
        guard !isPlain else { return key }
        key.append(UInt8(ascii: "."))
        let hashes = (StableHash.of(id.buffer, seed: 1), StableHash.of(id.buffer, seed: 2))
        withUnsafeBytes(of: hashes) { MemcacheProtocol.appendDigits(of: $0, to: &key) }
        return key
    }

    private static func appendDigits(of bytes: UnsafeRawBufferPointer, to key: inout [UInt8]) {
        for byte in bytes {
            for half in [byte >> 4, byte & 15] { key.append(half < 10 ? 0x30 + half : 0x57 + half) }
        }
    }

    func wrap(_ data: Bytes, id: Bytes, expires: Int64) -> [UInt8] {
        let longID = id.count > MemcacheProtocol.longestPlainID ? id : .none
        var value: [UInt8] = []
        value.reserveCapacity(MemcacheProtocol.headLength + longID.count + data.count)
        withUnsafeBytes(of: expires.littleEndian) { value.append(contentsOf: $0) }
        withUnsafeBytes(of: UInt32(longID.count).littleEndian) { value.append(contentsOf: $0) }
        value.append(contentsOf: longID.buffer)
        value.append(contentsOf: data.buffer)
        return value
    }

    func unwrap(_ value: Bytes, id: Bytes, now: Int64) -> Bytes? {
        let head = MemcacheProtocol.headLength
        guard value.count >= head else { return nil }
        let expires = Int64(littleEndian: value.buffer.loadUnaligned(as: Int64.self))
        let longID = Int(UInt32(littleEndian: value.buffer.loadUnaligned(fromByteOffset: 8, as: UInt32.self)))
        guard expires > now, longID <= value.count - head else { return nil }
        guard longID == 0 ? id.count <= MemcacheProtocol.longestPlainID : value[head..<head + longID] == id else { return nil }
        return value.from(head + longID)
    }
}
