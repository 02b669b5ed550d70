import Glibc
import ModuleKit

/// The handler of type maps: sends the client's best variant, from another file or from the map itself.
func answerTypeMap(_ request: Request, _ log: Log) throws -> Status {
    guard request.handler == "type-map" || request.handler == "application/x-type-map" else { return .declined }
    guard request.method == "GET" || request.method == "HEAD" || request.method == "POST" else { return .declined }
    guard request.fileType == APUS_FILE_REGULAR else { return .status(404) }
    var variants: [Variant]
    switch TypeMap.read(request, for: request, log) {
    case .unusable(let status): return status
    case .variants(let found): variants = found
    }
    let best = Chooser(request, prefersPrograms: false).choose(&variants)
    let fields = AnswerFields(request, variants)
    fields.set(chosen: best.map { variants[$0] })
    guard let best else {
        fields.noteList()
        log.write(.error, code: "AH00690", request: request, "no variant of \(request.filename.string) is acceptable")
        return .status(406)
    }
    if let body = variants[best].body { return try send(body, of: variants[best], request) }
    return try redirect(to: variants[best], request)
}

private func redirect(to variant: Variant, _ request: Request) throws -> Status {
    // What followed the map in the path goes along.
    let path = request.path
    let info = request.pathInfo
    let own = !info.isEmpty && path.hasSuffix(info) ? path.upTo(path.count - info.count) : path
    let directory = own.upTo((own.lastIndex(of: UInt8(ascii: "/")) ?? -1) + 1)
    return try request.internalRedirect(
        request.pool.compose(capacity: (directory.count + info.count) * 3 + variant.file.count + request.query.count + 1) {
            $0.append(escapingPath: directory)
            $0.append(variant.file)
            $0.append(escapingPath: info)
            if request.query.isSet {
                $0.append("?")
                $0.append(request.query)
            }
        })
}

private func send(_ body: Range<Int64>, of variant: Variant, _ request: Request) throws -> Status {
    let fd = open(request.filename.ptr.unsafelyUnwrapped, O_RDONLY | O_CLOEXEC)
    guard fd >= 0 else { return .status(403) }
    request.contentType = variant.charset.isEmpty
        ? variant.type
        : request.pool.compose(capacity: variant.type.count + variant.charset.count + 10) {
            $0.append(variant.type)
            $0.append("; charset=")
            $0.append(variant.charset)
        }
    request.contentLanguage = variant.languageField
    request.contentEncoding = variant.encoding
    request.headersOut["Last-Modified"] = request.pool.httpDate(request.fileModified / 1_000_000)
    request.headersOut["Accept-Ranges"] = Bytes("bytes")
    let tag = request.get(APUS_R_FILE_ETAG)
    if tag.isSet { request.headersOut["ETag"] = tag }
    let chain = Chain(in: request.pool)
    chain.append(file: fd, offset: body.lowerBound, length: body.upperBound - body.lowerBound, owned: true)
    chain.appendEnd()
    return request.write(chain).rawValue < 0 ? .failed : .ok
}
