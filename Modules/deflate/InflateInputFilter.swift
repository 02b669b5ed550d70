import ModuleKit

/// The input filter DEFLATE: request bodies that came as gzip, within limits that keep small ones from becoming large.
final class InflateInputFilter: InputFilter {
    private let limits: InflateLimits
    private let limit: UInt64
    private let stream: InflateStream
    private let raw: Chain
    private var hits: Int64 = 0
    private var hasEnded = false

    init?(_ filter: Filter) {
        let request = filter.request
        guard request.main == nil, request.removeGzip(from: request.headersIn), let stream = InflateStream() else {
            return nil
        }
        request.headersIn["Content-Length"] = nil
        request.headersIn["Content-MD5"] = nil
        limits = request.conf(InflateLimits.self)
        // What LimitRequestBody allows holds for what the body becomes, where nothing else is said.
        let standard = request.number(APUS_R_LIMIT_REQUEST_BODY)
        limit = UInt64(max(0, limits.bodySize < 0 ? standard : limits.bodySize))
        self.stream = stream
        raw = Chain(in: request.pool)
    }

    func fill(_ chain: Chain, max: Int, _ filter: Filter) -> Status {
        // Bytes on the wire may make none: the head of gzip.
        let before = chain.length
        while chain.length == before, !hasEnded {
            let status = filter.pull(max, into: raw)
            guard status == .ok else { return status }
            if let refusal = inflate(into: chain, filter) { return refusal }
        }
        return .ok
    }

    /// A status to refuse the body with.
    private func inflate(into chain: Chain, _ filter: Filter) -> Status? {
        var refusal: Status?
        raw.takePieces { piece in
            switch piece {
            case .data(let bytes): refusal = inflate(bytes, into: chain, filter)
            case .end:
                hasEnded = true
                if stream.isAtEnd || stream.totalIn == 0 {
                    chain.appendEnd()
                } else {
                    refusal = refuse(400, "AH01389", "the request body ends in the middle of its gzip data", filter)
                }
            case .flush: chain.appendFlush()
            case .unreadable: refusal = .failed
            }
            return refusal == nil
        }
        return refusal
    }

    private func inflate(_ bytes: Bytes, into chain: Chain, _ filter: Filter) -> Status? {
        switch stream.write(bytes, to: chain, mayGoOn: { isWithinLimits($0) }) {
        case .goesOn, .ended: return nil
        case .broken: return refuse(400, "AH01390", "the request body is not sound gzip", filter)
        case .refused where limit > 0 && stream.totalOut > limit:
            return refuse(413, "AH02647", "the inflated request body is longer than \(limit) bytes", filter)
        case .refused:
            let ratio = limits.effectiveRatio
            return refuse(400, "AH02805", "the request body becomes more than \(ratio) times its size", filter)
        }
    }

    private func isWithinLimits(_ stream: InflateStream) -> Bool {
        if limit > 0, stream.totalOut > limit { return false }
        guard stream.totalIn > 0, stream.totalOut / stream.totalIn >= limits.effectiveRatio else {
            hits = 0
            return true
        }
        hits += 1
        return hits <= limits.effectiveBurst
    }

    private func refuse(_ status: Int32, _ code: StaticString, _ reason: String, _ filter: Filter) -> Status {
        Log(host: filter.host).write(.error, code: code, request: filter.request, reason)
        return .status(status)
    }
}
