import Glibc
import ModuleKit
import Support

/// What a chain holds, copied into a new chain with `body` run over each byte.
private func mapped(_ from: Chain, in request: Request, _ body: (UInt8) -> UInt8) -> Chain {
    let made = Chain(in: request.pool)
    while let segment = from.first {
        if segment.kind == APUS_SEG_DATA || segment.kind == APUS_SEG_FILE {
            var bytes = [UInt8](repeating: 0, count: Int(segment.length))
            if segment.kind == APUS_SEG_DATA {
                bytes = Array(segment.data.buffer)
            } else if pread(segment.fd, &bytes, bytes.count, Int(segment.offset)) != bytes.count {
                bytes = []
            }
            let changed = bytes.map(body)
            changed.withUnsafeBytes { made.append(Bytes($0)) }
        } else if segment.kind == APUS_SEG_END {
            made.appendEnd()
        } else {
            made.appendFlush()
        }
        from.dropFirst()
    }
    return made
}

private func upper(_ c: UInt8) -> UInt8 { c >= 0x61 && c <= 0x7a ? c - 32 : c }

private func rot(_ c: UInt8) -> UInt8 {
    switch c {
    case 0x61...0x7a: (c - 0x61 + 13) % 26 + 0x61
    case 0x41...0x5a: (c - 0x41 + 13) % 26 + 0x41
    default: c
    }
}

/// Says when it ends.
class Ending {
    let host: UnsafePointer<apus_host>
    var name: String { "UPPER" }
    init(_ filter: Filter) { host = filter.host }
    deinit { Log(host: host).warn("end \(name)") }
}

final class Upper: Ending, OutputFilter {
    override init(_ filter: Filter) { super.init(filter) }
    func process(_ chain: Chain, _ filter: Filter) -> Status {
        filter.pass(mapped(chain, in: filter.request, upper))
    }
}

/// Puts the name of the filter before the body and a bracket behind it: "(NAME body)".
class Mark: Ending, OutputFilter {
    private var isFirst = true

    required override init(_ filter: Filter) {
        filter.request.headersOut["Content-Length"] = nil
        super.init(filter)
    }

    func process(_ chain: Chain, _ filter: Filter) -> Status {
        let made = Chain(in: filter.request.pool)
        if isFirst { made.append("(\(name) ") }
        isFirst = false
        while let segment = chain.first {
            switch segment.kind {
            case APUS_SEG_END:
                made.append(")")
                made.appendEnd()
            case APUS_SEG_FLUSH: made.appendFlush()
            default: made.append(segment.data)
            }
            chain.dropFirst()
        }
        return filter.pass(made)
    }
}

final class MarkContent: Mark { override var name: String { "MARK-CONTENT" } }
final class MarkTransform: Mark { override var name: String { "MARK-TRANSFORM" } }
final class MarkEncode: Mark { override var name: String { "MARK-ENCODE" } }
final class MarkFrame: Mark { override var name: String { "MARK-FRAME" } }
final class MarkA: Mark { override var name: String { "MARK-A" } }
final class MarkB: Mark { override var name: String { "MARK-B" } }

/// Marks the first piece only.
final class Once: Ending, OutputFilter {
    override var name: String { "ONCE" }
    override init(_ filter: Filter) {
        filter.request.headersOut["Content-Length"] = nil
        super.init(filter)
    }
    func process(_ chain: Chain, _ filter: Filter) -> Status {
        let made = Chain(in: filter.request.pool)
        made.append("once:")
        made.take(chain)
        filter.remove()
        return filter.pass(made)
    }
}

final class Never: OutputFilter {
    init?(_ filter: Filter) { return nil }
    func process(_ chain: Chain, _ filter: Filter) -> Status { .failed }
}

final class Fail: OutputFilter {
    init?(_ filter: Filter) {}
    func process(_ chain: Chain, _ filter: Filter) -> Status { .failed }
}

final class Rot: InputFilter {
    init?(_ filter: Filter) {}
    func fill(_ chain: Chain, max: Int, _ filter: Filter) -> Status { pulled(chain, max, filter, rot) }
}

final class UpperInput: InputFilter {
    init?(_ filter: Filter) {}
    func fill(_ chain: Chain, max: Int, _ filter: Filter) -> Status { pulled(chain, max, filter, upper) }
}

final class TooBig: InputFilter {
    init?(_ filter: Filter) {}
    func fill(_ chain: Chain, max: Int, _ filter: Filter) -> Status { .status(413) }
}

private func pulled(_ chain: Chain, _ max: Int, _ filter: Filter, _ body: (UInt8) -> UInt8) -> Status {
    let raw = Chain(in: filter.request.pool)
    let status = filter.pull(max, into: raw)
    if status == .ok { chain.take(mapped(raw, in: filter.request, body)) }
    return status
}

final class Filters: Module {
    static let info = ModuleInfo(
        "abi_filters_module", version: "1.0", requires: [APUS_EXT_FILTERS, APUS_EXT_TASKS])

    init(_ host: Host) throws {
        try host.outputFilter("UPPER", stage: APUS_STAGE_CONTENT, Upper.self)
        try host.outputFilter("MARK-CONTENT", stage: APUS_STAGE_CONTENT, MarkContent.self)
        try host.outputFilter("MARK-TRANSFORM", stage: APUS_STAGE_TRANSFORM, MarkTransform.self)
        try host.outputFilter("MARK-ENCODE", stage: APUS_STAGE_ENCODE, MarkEncode.self)
        try host.outputFilter("MARK-FRAME", stage: APUS_STAGE_FRAME, MarkFrame.self)
        try host.outputFilter("MARK-A", stage: APUS_STAGE_TRANSFORM, after: ["MARK-B"], MarkA.self)
        try host.outputFilter("MARK-B", stage: APUS_STAGE_TRANSFORM, MarkB.self)
        try host.outputFilter("ONCE", stage: APUS_STAGE_TRANSFORM, Once.self)
        try host.outputFilter("NEVER", stage: APUS_STAGE_TRANSFORM, Never.self)
        try host.outputFilter("FAIL", stage: APUS_STAGE_TRANSFORM, Fail.self)
        try host.inputFilter("ROT", stage: APUS_STAGE_CONTENT, Rot.self)
        try host.inputFilter("UPPER", stage: APUS_STAGE_CONTENT, UpperInput.self)
        try host.inputFilter("TOO-BIG", stage: APUS_STAGE_CONTENT, TooBig.self)
        try host.hooks.insertFilter(.middle, Filters.insert)
        try host.hooks.handler(Order(.middle, flags: .maySuspend)) { request in
            guard request.handler == "abi" else { return .declined }
            guard request.path == "/echo" else {
                return try request.reply(200, text: "Hello, world", contentType: "text/plain")
            }
            return try collectBody(request) { request, chain, status in
                guard status == .ok else { return status }
                request.contentType = Bytes("text/plain")
                chain.appendEnd()
                _ = request.write(chain)
                return .ok
            }
        }
    }

    private static func insert(_ request: Request) {
        for part in request.query.string.split(separator: "&") {
            let direction = part.hasPrefix("in=") ? APUS_INPUT : APUS_OUTPUT
            guard let mark = part.firstIndex(of: "=") else { continue }
            for name in part[part.index(after: mark)...].split(separator: ",") {
                var status: apus_status = APUS_OK
                do {
                    try request.insertFilter(request.pool.copy(String(name)), direction: direction)
                } catch {
                    status = (error as? ModuleError)?.status.rawValue ?? APUS_E_FAIL
                }
                request.errorHeadersOut.merge(Bytes("X-Inserted"), request.pool.copy("\(name):\(status)"))
            }
        }
    }
}

final class OddStage: Module {
    static let info = ModuleInfo("abi_filters_stage_module", version: "1.0")
    init(_ host: Host) throws { try host.outputFilter("ODD", stage: 15, Upper.self) }
}

final class Rival: Module {
    static let info = ModuleInfo("abi_filters_rival_module", version: "1.0")
    init(_ host: Host) throws { try host.outputFilter("upper", stage: APUS_STAGE_CONTENT, Upper.self) }
}

@c(apus_module_entry)
public func entry(_ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>) -> UnsafePointer<
    apus_module
>? {
    Filters.descriptor(for: host, named: name) ?? OddStage.descriptor(for: host, named: name)
        ?? Rival.descriptor(for: host, named: name)
}
