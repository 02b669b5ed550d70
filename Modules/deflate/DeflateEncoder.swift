import CZlib
import ModuleKit

/// A body on its way into gzip (RFC 1952).
final class DeflateEncoder: ContentEncoder {
    static let coding: StaticString = "gzip"

    private var stream: DeflateStream

    static func settings(for request: Request) -> EncodingSettings {
        request.serverConf(DeflateServerConf.self).pointee.encoding
    }

    static func isWanted(for request: Request) -> Bool {
        guard request.environment["no-gzip"] == nil, !isTiny(request) else { return false }
        guard request.environment["gzip-only-text/html"].map({ $0 == "1" }) == true else { return true }
        return request.contentType.hasPrefix("text/html")
    }

    /// A file that its compressed form would be longer than.
    private static func isTiny(_ request: Request) -> Bool {
        request.handler.isEmpty && request.fileType == APUS_FILE_REGULAR && request.fileSize <= 68
    }

    static func isAccepted(by request: Request) -> Bool {
        request.environment["force-gzip"] != nil || request.accepts(coding: coding, orAlias: "x-gzip")
    }

    init?(_ request: Request, to out: Chain) {
        let conf = request.serverConf(DeflateServerConf.self)
        guard let made = DeflateStream(conf.pointee.settings) else { return nil }
        stream = made
        Self.writeHead(padding: conf.pointee.padding, to: out)
    }

    /// The head of a member (RFC 1952, 2.3), with a name of random length where padding is wanted: so that the length of
    /// the answer tells less about what it holds.
    private static func writeHead(padding: Int, to out: Chain) {
        var head: [UInt8] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]
        if padding > 0 {
            head[3] = 8
            for _ in 0..<Int.random(in: 0...padding) { head.append(UInt8.random(in: 0x61...0x7a)) }
            head.append(0)
        }
        head.withUnsafeBytes { out.append(Bytes($0)) }
    }

    func write(_ bytes: Bytes, to out: Chain) -> Bool { stream.write(bytes, Z_NO_FLUSH, to: out) }

    func flush(to out: Chain) -> Bool { stream.write(.none, Z_SYNC_FLUSH, to: out) }

    func finish(to out: Chain) -> Bool {
        guard stream.write(.none, Z_FINISH, to: out) else { return false }
        var end: [UInt8] = []
        for word in [UInt32(truncatingIfNeeded: stream.checksum), UInt32(truncatingIfNeeded: stream.totalIn)] {
            for shift in stride(from: UInt32(0), to: 32, by: 8) { end.append(UInt8(truncatingIfNeeded: word >> shift)) }
        }
        end.withUnsafeBytes { out.append(Bytes($0)) }
        return true
    }

    var counts: (input: Int64, output: Int64) { (Int64(stream.totalIn), Int64(stream.totalOut)) }

    func giveBack() { stream.giveBack() }
}
