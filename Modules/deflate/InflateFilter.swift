import ModuleKit

/// The output filter INFLATE: a gzip body as what it was before, so that other filters can work on it.
final class InflateFilter: OutputFilter {
    private var stream: InflateStream?
    private var out: Chain?

    init?(_ filter: Filter) {}

    func prepare(_ filter: Filter) -> Bool {
        let request = filter.request
        guard request.main == nil, request.status != 204, request.headersOut["Content-Range"] == nil,
            request.status != 304, removeGzip(request)
        else { return false }
        request.headersOut["Content-Length"] = nil
        request.headersOut["Content-MD5"] = nil
        let conf = request.serverConf(DeflateServerConf.self)
        request.changeETag(conf.pointee.encoding.etag ?? .addSuffix, suffix: "gunzip")
        return true
    }

    private func removeGzip(_ request: Request) -> Bool {
        if let rest = request.contentEncoding.withoutLastGzip {
            request.contentEncoding = rest
            return true
        }
        return request.removeGzip(from: request.headersOut) || request.removeGzip(from: request.errorHeadersOut)
    }

    func process(_ chain: Chain, _ filter: Filter) -> Status {
        let request = filter.request
        let out = out ?? Chain(in: request.pool)
        self.out = out
        var isSound = true
        // What a piece becomes is sent before the next is looked at: it may be a thousand times as long.
        var status = Status.ok
        chain.takePieces { piece in
            isSound = take(piece, out)
            if isSound { status = filter.pass(out) }
            return isSound && status.rawValue >= 0
        }
        guard isSound else {
            Log(host: filter.host).write(
                .error, code: "AH01391", request: request, "the body is not sound gzip, so it cannot be inflated")
            return .failed
        }
        return status
    }

    private func take(_ piece: BodyPiece, _ out: Chain) -> Bool {
        switch piece {
        case .data(let bytes):
            if stream == nil { stream = InflateStream() }
            switch stream?.write(bytes, to: out) {
            case .goesOn, .ended: return true
            default: return false
            }
        case .flush: out.appendFlush()
        case .end:
            guard stream.map({ $0.isAtEnd }) != false else { return false }
            out.appendEnd()
        case .unreadable: return false
        }
        return true
    }
}
