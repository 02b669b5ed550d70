import Glibc
import ModuleKit

/// What goes wrong with programs: into the error log, and into the file of ScriptLog with what they were given.
struct ScriptLog {
    let request: Request
    private let host: Host
    private let conf: UnsafePointer<ScriptServerConf>

    init(_ request: Request, _ host: Host) {
        self.request = request
        self.host = host
        conf = UnsafePointer(request.serverConf(ScriptServerConf.self))
    }

    /// How much of a request body it wants to see.
    var bodyLimit: Int { conf.pointee.log.isEmpty ? 0 : conf.pointee.effectiveBuffer }

    /// Logs why there is no answer and returns the status that tells it.
    func refuse(_ status: Int32, _ code: StaticString, _ reason: String) -> Status {
        host.log.write(.error, code: code, request: request, "\(reason): \(request.filename.string)")
        append("%error\n\(reason)\n", status: status)
        return .status(status)
    }

    func errorLine(_ line: Bytes) {
        host.log.write(.error, code: "AH01215", request: request, "\(line.string): \(request.filename.string)")
    }

    /// The whole story of a failed program.
    func story(_ status: Int32, body: [UInt8], output: Bytes, errors: [UInt8]) {
        guard !conf.pointee.log.isEmpty else { return }
        var text = "%request\n"
        let fields = request.headersIn
        for index in 0..<fields.count {
            if let (name, value) = fields.at(index) { text += "\(name.string): \(value.string)\n" }
        }
        if !body.isEmpty { text += "\n\(String(decoding: body, as: UTF8.self))\n" }
        text += "%response\n"
        if !output.isEmpty { text += "%stdout\n\(output.upTo(min(output.count, 4096)).string)\n" }
        if !errors.isEmpty { text += "%stderr\n\(String(decoding: errors, as: UTF8.self))\n" }
        append(text, status: status)
    }

    private func append(_ text: String, status: Int32) {
        guard !conf.pointee.log.isEmpty, let path = conf.pointee.log.ptr else { return }
        let fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard fd >= 0 else { return }
        defer { close(fd) }
        var info = stat()
        guard fstat(fd, &info) == 0, Int64(info.st_size) < conf.pointee.effectiveLength else { return }
        let line = request.requestLine.string
        var entry = "%% [\(date())] \(line)\n%% \(status) \(request.filename.string)\n\(text)"
        entry.withUTF8 { _ = write(fd, $0.baseAddress, $0.count) }
    }

    private func date() -> String {
        var now = time(nil)
        var parts = tm()
        localtime_r(&now, &parts)
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 40) { room in
            let count = strftime(room.baseAddress.unsafelyUnwrapped, room.count, "%a %b %d %H:%M:%S %Y", &parts)
            return Bytes(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(room)[..<count])).string
        }
    }
}
