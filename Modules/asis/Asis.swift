import CGIScripts
import Glibc
import ModuleKit

/// Sends files that hold their own header fields.
final class Asis: Module {
    static let info = ModuleInfo("asis_module", version: "1.0", requires: [APUS_EXT_SUBREQUEST])

    init(_ host: Host) throws {
        try host.hooks.handler(.middle) { try send($0, host.log) }
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    Asis.descriptor(for: host, named: name)
}

private func send(_ request: Request, _ log: Log) throws -> Status {
    guard request.handler == "send-as-is" || request.handler == "httpd/send-as-is",
        request.method == "GET" || request.method == "HEAD" || request.method == "POST"
    else { return .declined }
    guard request.fileType == APUS_FILE_REGULAR else {
        log.write(.error, code: "AH01233", request: request, "file does not exist: \(request.filename.string)")
        return .status(404)
    }
    let fd = open(request.filename.ptr.unsafelyUnwrapped, O_RDONLY | O_CLOEXEC)
    guard fd >= 0 else {
        let code = errno
        log.write(
            .error, code: "AH01234", request: request, error: code,
            "cannot open \(request.filename.string): \(String(cString: strerror(code)))")
        return .status(403)
    }
    var head = ScriptHead()
    let text = readHead(fd, request.pool)
    guard case .done(let start) = head.read(text, isRaw: false) else {
        close(fd)
        log.write(
            .error, code: "AH01235", request: request, "\(request.filename.string) does not begin with sound header fields")
        return .status(500)
    }
    if let location = head["Location"], location.hasPrefix("/"), head.status == 0 || head.status == 200 {
        close(fd)
        // The body of the file belongs to nobody.
        return try request.internalRedirect(location)
    }
    if let verdict = head.apply(to: request) {
        close(fd)
        return verdict
    }
    return request.send(fd, from: Int64(start))
}

private func readHead(_ fd: Int32, _ pool: Pool) -> Bytes {
    let room = pool.allocate(UInt8.self, count: ScriptHead.limit)
    var count = 0
    while count < ScriptHead.limit {
        let got = read(fd, room + count, ScriptHead.limit - count)
        guard got > 0 else { break }
        count += got
    }
    return Bytes(UnsafeRawPointer(room), count: count)
}

extension Request {
    /// Sends an open file from a place in it to its end.
    fileprivate func send(_ fd: Int32, from start: Int64) -> Status {
        var info = stat()
        let length = fstat(fd, &info) == 0 ? max(0, Int64(info.st_size) - start) : 0
        let chain = Chain(in: pool)
        chain.append(file: fd, offset: start, length: length, owned: true)
        chain.appendEnd()
        return write(chain).rawValue < 0 ? .failed : .ok
    }
}
