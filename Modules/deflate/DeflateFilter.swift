import CZlib
import Glibc
import ModuleKit

/// The output filter DEFLATE: a body as gzip (RFC 1952), where the client takes it and nothing speaks against it.
final class DeflateFilter: OutputFilter {
    private let conf: UnsafePointer<DeflateServerConf>
    private var stream: DeflateStream?
    private var out: Chain?

    init?(_ filter: Filter) { conf = UnsafePointer(filter.request.serverConf(DeflateServerConf.self)) }

    // MARK: Whether

    func prepare(_ filter: Filter) -> Bool {
        let request = filter.request
        guard isWanted(request), !isTiny(request) else { return false }
        request.addVary("Accept-Encoding")
        return request.environment["force-gzip"] != nil || request.accepts(coding: "gzip", orAlias: "x-gzip")
    }

    /// A file that its compressed form would be longer than.
    private func isTiny(_ request: Request) -> Bool {
        request.handler.isEmpty && request.fileType == APUS_FILE_REGULAR && request.fileSize <= Self.tiny
    }

    private static let tiny: Int64 = 68

    private func isWanted(_ request: Request) -> Bool {
        guard request.main == nil, request.status != 204, request.environment["no-gzip"] == nil,
            request.headersOut["Content-Range"] == nil, !request.isEncoded
        else { return false }
        guard request.environment["gzip-only-text/html"].map({ $0 == "1" }) == true else { return true }
        return request.contentType.hasPrefix("text/html")
    }

    // MARK: How

    func process(_ chain: Chain, _ filter: Filter) -> Status {
        let request = filter.request
        // Another filter before this one may have encoded it meanwhile.
        if stream == nil, request.isEncoded {
            filter.remove()
            return filter.pass(chain)
        }
        let out = out ?? Chain(in: request.pool)
        self.out = out
        var isSound = true
        chain.takePieces { piece in
            isSound = take(piece, request, out)
            return isSound
        }
        guard isSound else {
            Log(host: filter.host).error("the body cannot be compressed", request: request)
            return .failed
        }
        return filter.pass(out)
    }

    private func take(_ piece: BodyPiece, _ request: Request, _ out: Chain) -> Bool {
        switch piece {
        case .data(let bytes): return begin(request, out) && stream?.write(bytes, Z_NO_FLUSH, to: out) == true
        case .flush:
            guard stream == nil || stream?.write(.none, Z_SYNC_FLUSH, to: out) == true else { return false }
            out.appendFlush()
            return true
        case .end:
            // What the client has already is the compressed representation. Any other body without a byte stays one.
            if request.status == 304 { request.changeETag(conf.pointee.etag ?? .addSuffix, suffix: "gzip") }
            guard stream == nil || finish(request, out) else { return false }
            out.appendEnd()
            return true
        case .unreadable: return false
        }
    }

    private func begin(_ request: Request, _ out: Chain) -> Bool {
        if stream != nil { return true }
        guard let made = DeflateStream(conf.pointee.settings) else { return false }
        stream = made
        request.setEncoding("gzip")
        request.changeETag(conf.pointee.etag ?? .addSuffix, suffix: "gzip")
        writeHead(out)
        return true
    }

    /// The head of a member (RFC 1952, 2.3), with a name of random length where padding is wanted: so that the length of
    /// the answer tells less about what it holds.
    private func writeHead(_ out: Chain) {
        var head: [UInt8] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]
        if conf.pointee.padding > 0 {
            head[3] = 8
            for _ in 0..<Int.random(in: 0...conf.pointee.padding) { head.append(UInt8.random(in: 0x61...0x7a)) }
            head.append(0)
        }
        head.withUnsafeBytes { out.append(Bytes($0)) }
    }

    private func finish(_ request: Request, _ out: Chain) -> Bool {
        guard stream?.write(.none, Z_FINISH, to: out) == true, let stream else { return false }
        var end: [UInt8] = []
        for word in [UInt32(truncatingIfNeeded: stream.checksum), UInt32(truncatingIfNeeded: stream.totalIn)] {
            for shift in stride(from: UInt32(0), to: 32, by: 8) { end.append(UInt8(truncatingIfNeeded: word >> shift)) }
        }
        end.withUnsafeBytes { out.append(Bytes($0)) }
        note(stream, request)
        return true
    }

    private func note(_ stream: DeflateStream, _ request: Request) {
        let (input, output) = (Int64(stream.totalIn), Int64(stream.totalOut))
        if conf.pointee.inputNote.isSet { request.notes[conf.pointee.inputNote] = request.pool.decimal(input) }
        if conf.pointee.outputNote.isSet { request.notes[conf.pointee.outputNote] = request.pool.decimal(output) }
        if conf.pointee.ratioNote.isSet {
            request.notes[conf.pointee.ratioNote] = input > 0 ? request.pool.decimal(output * 100 / input) : Bytes("-")
        }
    }

    func end(_ filter: Filter) {
        stream?.giveBack()
        stream = nil
    }
}

extension Pool {
    func decimal(_ value: Int64) -> Bytes { compose(capacity: 20) { $0.append(decimal: value) } }
}
