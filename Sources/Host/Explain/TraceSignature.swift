import ByteKit
import Glibc

/// A request that asks to be traced: its field `Apus-Trace: TIME:SIGNATURE` proves that its sender knows DebugTraceSecret.
///
/// TIME is seconds since 1970; SIGNATURE the HMAC-SHA256 (RFC 2104), in hexadecimal digits, over method, host, target and
/// TIME, a line feed between each two. `apus explain URL --sign` makes the field.
enum TraceSignature {
    static let field: StaticString = "Apus-Trace"
    /// Seconds for which a signature is good, before and after its time.
    static let validity: Int64 = 60

    /// Looks at the head of a request of a server that has a secret.
    static func look(_ r: Request.Ref) {
        guard r.pointee.telling == .silent, let value = r.pointee.headersIn.first(field) else { return }
        guard isGood(value, r) else {
            return ErrorLog.write(
                .warn, code: "APUS1502", request: r,
                "\(field) is not signed with this server's DebugTraceSecret for this request and minute; the request is not traced")
        }
        r.pointee.telling = .traced
    }

    private static func isGood(_ value: Bytes, _ r: Request.Ref) -> Bool {
        guard let colon = value.firstIndex(of: 0x3a), let time = value.upTo(colon).decimal,
            abs(theWorker.pointee.now / 1_000_000 - time) <= validity
        else { return false }
        let secret = r.pointee.server.pointee.core.pointee.traceSecret
        return sign(secret, method: r.pointee.method, host: r.pointee.host, target: r.pointee.target, time: value.upTo(colon)) {
            $0.equalsInConstantTime(value.from(colon + 1))
        }
    }

    /// Calls `body` with the signature's digits.
    static func sign<R>(_ secret: Bytes, method: Bytes, host: Bytes, target: Bytes, time: Bytes, _ body: (Bytes) -> R) -> R {
        let line = Bytes("\n")
        return authenticate(secret, [method, line, host, line, target, line, time]) { code in
            withUnsafeTemporaryAllocation(byteCount: 2 * SHA256.length, alignment: 1) { room in
                var writer = ByteWriter(room.baseAddress.unsafelyUnwrapped, capacity: room.count)
                writer.append(hexadecimal: code)
                return body(writer.written)
            }
        }
    }

    /// RFC 2104 with SHA-256.
    private static func authenticate<R>(_ key: Bytes, _ parts: [Bytes], _ body: (Bytes) -> R) -> R {
        var block = [UInt8](repeating: 0, count: 64)
        if key.count > block.count {
            SHA256.digest(key) { for index in 0..<$0.count { block[index] = $0[index] } }
        } else {
            for index in 0..<key.count { block[index] = key[index] }
        }
        var inner = BlockHasher<SHA256>()
        block.map { $0 ^ 0x36 }.withUnsafeBytes { inner.update(Bytes($0)) }
        for part in parts { inner.update(part) }
        var digest = [UInt8](repeating: 0, count: SHA256.length)
        digest.withUnsafeMutableBytes { inner.finish(into: $0.baseAddress.unsafelyUnwrapped) }
        return block.map { $0 ^ 0x5c }.withUnsafeBytes { outer in
            digest.withUnsafeBytes { SHA256.digest(Bytes(outer), Bytes($0), body: body) }
        }
    }
}
