import ModuleKit

/// Keeps the body of a request, so that what the answer includes of other URLs is asked for with the same body and method.
final class KeptBody: Module {
    typealias DirConf = KeptBodyConf

    static let info = ModuleInfo("request_module", version: "1.0", requires: [APUS_EXT_TASKS])
    static let directives = [
        Directive("KeptBodySize", .one, in: .sections, help: "bytes; 0: bodies are not kept") { command, words in
            guard let size = words[0].decimal, size <= 1 << 30 else {
                throw DirectiveError("\"\(words.string(0))\" is no number of bytes from 0 to \(1 << 30)")
            }
            command.update { (conf: inout KeptBodyConf) in conf.size = Int(size) }
        }
    ]

    init(_ host: Host) throws {
        try host.hooks.handler(Order(.first, flags: .maySuspend), keep)
        try host.hooks.translateName(.first) { request in
            try hand(to: request)
            return .declined
        }
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    KeptBody.descriptor(for: host, named: name)
}

struct KeptBodyConf: Configuration {
    var size = 0
}

/// A body on its way into memory, or there: what a request's slot points to.
private final class Keeping {
    let body: WholeBody
    var kept: Bytes?

    init(_ body: WholeBody) { self.body = body }

    static func of(_ request: Request) -> Keeping? {
        request.slot.map { Unmanaged<Keeping>.fromOpaque($0).takeUnretainedValue() }
    }
}

/// Before any handler: reads the body, and puts it back for whoever wants it.
private func keep(_ request: Request) throws -> Status {
    let limit = request.confPointer(KeptBodyConf.self).pointee.size
    guard limit > 0, request.main == nil, request.number(APUS_R_BODY_EXPECTED) != 0 else { return .declined }
    let keeping = Keeping.of(request) ?? Keeping(WholeBody(request, limit: limit))
    if request.slot == nil {
        request.slot = Unmanaged.passUnretained(keeping).toOpaque()
        request.pool.onDestroy { withExtendedLifetime(keeping) {} }
    }
    guard keeping.kept == nil else { return .declined }
    guard keeping.body.read() else {
        try keeping.body.wait()
        return .suspended
    }
    if let refusal = keeping.body.refusal { return refusal }
    let text = keeping.body.text
    try request.replaceBody(text)
    keeping.kept = text
    return .declined
}

/// A request for a part of the answer is made as the one that is answered was.
private func hand(to request: Request) throws {
    guard let outer = request.main, let kept = Keeping.of(outer)?.kept else { return }
    request.set(APUS_R_METHOD, outer.method)
    try request.replaceBody(kept)
}
