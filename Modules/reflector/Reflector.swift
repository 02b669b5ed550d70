import ModuleKit

/// Sends a request's body back, through the filters of both directions.
final class Reflector: Module {
    typealias DirConf = ReflectorConf

    static let info = ModuleInfo("reflector_module", version: "1.0", requires: [APUS_EXT_TASKS])
    static let directives: [Directive] = [
        Directive("ReflectorHeader", .words(1...2), in: .any, override: .options, help: "field [name in the answer]") {
            let field = ReflectedField(
                name: $0.pool.copy($1[0]), answer: $1.count == 2 ? $0.pool.copy($1[1]) : $0.pool.copy($1[0]))
            $0.configuration(ReflectorConf.self).pointee.fields.append(field, in: $0.pool)
        }
    ]

    init(_ host: Host) throws {
        try host.hooks.handler(Order(.middle, flags: .maySuspend)) { try reflect($0) }
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    Reflector.descriptor(for: host, named: name)
}

struct ReflectedField: BitwiseCopyable {
    var name: Bytes
    var answer: Bytes
}

struct ReflectorConf: Configuration {
    var fields = PoolArray<ReflectedField>()

    func merged(
        over base: ReflectorConf, settings: [(inout ReflectorConf) -> Void], in pool: Pool
    ) -> ReflectorConf {
        ReflectorConf(fields: base.fields.joined(with: fields, in: pool))
    }
}

private func reflect(_ request: Request) throws -> Status {
    guard request.handler == "reflector" else { return .declined }
    guard request.method == "POST" else {
        request.errorHeadersOut["Allow"] = Bytes("POST,OPTIONS,TRACE")
        return .status(405)
    }
    for field in request.confPointer(ReflectorConf.self).pointee.fields.elements {
        if let value = request.headersIn[field.name] { request.headersOut[field.answer] = value }
    }
    if let type = request.headersIn["Content-Type"] { request.contentType = type }
    let reflection = Reflection(request)
    let status = reflection.copy()
    guard status == .again else { return status }
    reflection.task = try request.suspend()
    reflection.wait()
    return .suspended
}

/// A body on its way back.
private final class Reflection {
    private let request: Request
    private let chain: Chain
    var task: SuspendedTask?
    private var waitsForRoom = false

    init(_ request: Request) {
        self.request = request
        chain = Chain(in: request.pool)
    }

    /// `.again`: more must come, or be taken, first.
    func copy() -> Status {
        while true {
            let status = request.read(into: chain)
            if status == .again { return .again }
            guard status == .ok else { return status.rawValue >= 400 ? status : .failed }
            var isEnd = false
            let out = Chain(in: request.pool)
            chain.takePieces { piece in
                switch piece {
                case .data(let bytes): out.append(bytes)
                case .end: isEnd = true
                default: break
                }
                return true
            }
            if isEnd { out.appendEnd() }
            let written = request.write(out)
            if isEnd || written.rawValue < 0 { return written.rawValue < 0 ? .failed : .ok }
            if written == .again {
                waitsForRoom = true
                return .again
            }
        }
    }

    func wait() {
        let want = waitsForRoom ? APUS_WANT_WRITE : APUS_WANT_READ
        waitsForRoom = false
        request.when(want) { [self] _ in
            let status = copy()
            if status == .again { wait() } else { task?.resume(status) }
        }
    }
}
