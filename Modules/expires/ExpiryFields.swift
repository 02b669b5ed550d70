import Glibc
import ModuleKit

/// Sets Expires and Cache-Control, unless the answer says already when it expires, or is an error.
func setExpiry(of request: Request, _ conf: UnsafePointer<ExpiryConf>) {
    guard request.main == nil, request.status < 400, request.errorHeadersOut["Expires"] == nil,
        request.headersOut["Expires"] == nil
    else { return }
    let type = request.contentType
    let plain = type.firstIndex(of: UInt8(ascii: ";")).map { type.upTo($0).trimmed } ?? type
    guard let expiry = conf.pointee.expiry(of: plain), let moment = expiry.moment(for: request) else { return }
    let asked = request.number(APUS_R_TIME_US)
    let end = max(moment, asked)
    let age = request.pool.compose(capacity: 32) {
        $0.append("max-age=")
        $0.append(decimal: (end - asked) / 1_000_000)
    }
    request.headersOut.merge(Bytes("Cache-Control"), age)
    request.headersOut["Expires"] = date(end, in: request.pool)
}

extension Expiry {
    /// In microseconds since 1970; nil: the file that it depends on does not exist.
    fileprivate func moment(for request: Request) -> Int64? {
        switch base {
        case .access: return request.number(APUS_R_TIME_US) + seconds * 1_000_000
        case .modification:
            guard request.fileType != APUS_FILE_NONE else { return nil }
            return request.number(APUS_R_FILE_MTIME_US) + seconds * 1_000_000
        }
    }
}

/// As RFC 9110, 5.6.7 wants it.
private func date(_ moment: Int64, in pool: Pool) -> Bytes {
    var seconds = time_t(moment / 1_000_000)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    let place = pool.allocate(CChar.self, count: 40)
    let length = strftime(place, 40, "%a, %d %b %Y %H:%M:%S GMT", &parts)
    return Bytes(UnsafeRawPointer(place), count: length)
}
