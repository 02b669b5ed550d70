import Glibc
import ModuleKit

/// Writes a line when a request has come and one when it has been answered, so that what a crash or a hang left behind can be
/// told: by httpd's check_forensic.
final class LogForensic: Module {
    typealias ServerConf = ForensicConf

    static let info = ModuleInfo("log_forensic_module", version: "1.0")
    static let directives = [
        Directive("ForensicLog", .one, in: .server, help: "a file or |command") { command, words in
            guard !words[0].isEmpty else { throw DirectiveError("ForensicLog needs the name of a file, or |command") }
            let conf = command.serverConfiguration(ForensicConf.self)
            conf.pointee.target = command.pool.copy(words[0])
            conf.pointee.place = command.pool.copy(command.place)
        }
    ]

    private var count: UInt64 = 0

    init(_ host: Host) throws {
        try host.hooks.openConfig { _, _ in try openLogs(host) }
        try host.hooks.postReadRequest(Order(.first, after: ["unique_id_module"], flags: .initialOnly)) { [unowned self] request in
            guard let sink = request.serverConf(ForensicConf.self).pointee.sink else { return .declined }
            let name = name(of: request, at: host.now)
            request.notes["forensic-id"] = name
            sink.append(beginning(request, name))
            return .declined
        }
        try host.hooks.logTransaction(.last) { request in
            var original = request
            while let earlier = original.previous { original = earlier }
            guard let sink = request.serverConf(ForensicConf.self).pointee.sink, let name = original.notes["forensic-id"]
            else { return .declined }
            sink.append(
                request.pool.compose(capacity: name.count + 2) {
                    $0.append("-")
                    $0.append(name)
                    $0.append("\n")
                })
            return .declined
        }
    }

    /// UNIQUE_ID, or who counts, when, and what.
    private func name(of request: Request, at now: Int64) -> Bytes {
        if let unique = request.environment["UNIQUE_ID"] { return unique }
        defer { count += 1 }
        return request.pool.compose(capacity: 64) {
            $0.append(hex: UInt64(getpid()))
            $0.append(":")
            $0.append(hex: UInt64(now / 1_000_000))
            $0.append(":")
            $0.append(hex: count)
        }
    }
}

struct ForensicConf: Configuration, BitwiseCopyable {
    var target = Bytes.none
    var place = Bytes.none
    var sink: LogSink?

    func merged(over base: ForensicConf, settings: [(inout ForensicConf) -> Void]) -> ForensicConf {
        target.isSet ? self : base
    }
}

private func openLogs(_ host: Host) throws {
    var hasFailed = false
    for server in host.servers {
        let conf = server.conf(ForensicConf.self)
        guard conf.pointee.target.isSet else { continue }
        do {
            conf.pointee.sink = try host.sink(conf.pointee.target)
        } catch {
            hasFailed = true
            host.report(.error, place: conf.pointee.place, (error as? ModuleError)?.description ?? "\(error)")
        }
    }
    if hasFailed { throw AlreadyReported() }
}

/// "+NAME|REQUEST LINE|FIELD:VALUE|…"
private func beginning(_ request: Request, _ name: Bytes) -> Bytes {
    let fields = request.headersIn
    var room = name.count + request.requestLine.count * 3 + 4
    for index in 0..<fields.count { if let field = fields.at(index) { room += (field.name.count + field.value.count) * 3 + 2 } }
    return request.pool.compose(capacity: room) { line in
        line.append("+")
        line.append(name)
        line.append("|")
        line.append(forensic: request.requestLine)
        for index in 0..<fields.count {
            guard let field = fields.at(index) else { continue }
            line.append("|")
            line.append(forensic: field.name)
            line.append(":")
            line.append(forensic: field.value)
        }
        line.append("\n")
    }
}

extension ByteWriter {
    /// What separates the parts, and what cannot be read, is written as %xx.
    fileprivate mutating func append(forensic bytes: Bytes) {
        for byte in bytes.buffer {
            switch byte {
            case UInt8(ascii: "%"), UInt8(ascii: ":"), UInt8(ascii: "|"), 0x7f..., ..<0x20:
                append(UInt8(ascii: "%"))
                if byte < 16 { append(UInt8(ascii: "0")) }
                append(hex: UInt64(byte))
            default: append(byte)
            }
        }
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    LogForensic.descriptor(for: host, named: name)
}
