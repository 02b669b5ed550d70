import ModuleKit

/// Gathers bodies that come in small pieces into large ones.
final class Buffer: Module {
    typealias DirConf = BufferConf

    static let info = ModuleInfo("buffer_module", version: "1.0", requires: [APUS_EXT_FILTERS])
    static let directives: [Directive] = [
        Directive("BufferSize", .one, in: .sections, help: "bytes that are gathered before they go on") {
            guard let size = $1[0].decimal, 1...(1 << 30) ~= size else {
                throw DirectiveError("\"\($1.string(0))\" is not a whole number between 1 and \(1 << 30)")
            }
            $0.configuration(BufferConf.self).pointee.size = size
        }
    ]

    init(_ host: Host) throws {
        // Behind all that makes content, so that the pieces are the final ones.
        try host.outputFilter("BUFFER", stage: APUS_STAGE_ENCODE, OutputBuffer.self)
        try host.inputFilter("BUFFER", stage: APUS_STAGE_ENCODE, InputBuffer.self)
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    Buffer.descriptor(for: host, named: name)
}

struct BufferConf: Configuration {
    /// -1: nothing is said.
    var size: Int64 = -1

    var effectiveSize: Int { size < 0 ? 128 << 10 : Int(size) }

    func merged(over base: BufferConf, settings: [(inout BufferConf) -> Void]) -> BufferConf { size < 0 ? base : self }
}

/// The output filter BUFFER. Parts that are inserted into other answers are gathered with those.
final class OutputBuffer: OutputFilter {
    private let size: Int
    private var gathered: [UInt8] = []
    private let out: Chain

    init?(_ filter: Filter) {
        guard filter.request.main == nil else { return nil }
        size = filter.request.conf(BufferConf.self).effectiveSize
        out = Chain(in: filter.request.pool)
    }

    func process(_ chain: Chain, _ filter: Filter) -> Status {
        var isSound = true
        chain.takePieces { piece in
            switch piece {
            case .data(let bytes): gather(bytes)
            case .flush:
                release()
                out.appendFlush()
            case .end:
                release()
                out.appendEnd()
            case .unreadable: isSound = false
            }
            return isSound
        }
        guard isSound else { return .failed }
        return out.isEmpty ? .ok : filter.pass(out)
    }

    private func gather(_ bytes: Bytes) {
        gathered.append(contentsOf: bytes.buffer)
        if gathered.count >= size { release() }
    }

    private func release() {
        guard !gathered.isEmpty else { return }
        gathered.withUnsafeBytes { out.append(Bytes($0)) }
        gathered.removeAll(keepingCapacity: true)
    }
}

/// The input filter BUFFER: whoever reads the body gets it in large pieces.
final class InputBuffer: InputFilter {
    private let size: Int
    private let gathered: Chain
    private let raw: Chain
    private var hasEnded = false

    init?(_ filter: Filter) {
        guard filter.request.main == nil else { return nil }
        size = filter.request.conf(BufferConf.self).effectiveSize
        gathered = Chain(in: filter.request.pool)
        raw = Chain(in: filter.request.pool)
    }

    func fill(_ chain: Chain, max: Int, _ filter: Filter) -> Status {
        while !hasEnded, gathered.length < size {
            let status = filter.pull(size - Int(gathered.length), into: raw)
            guard status == .ok else { return status }
            raw.takePieces { piece in
                switch piece {
                case .data(let bytes): gathered.append(bytes)
                case .end: hasEnded = true
                default: break
                }
                return true
            }
        }
        if gathered.length <= max {
            chain.take(gathered)
            if hasEnded { chain.appendEnd() }
        } else {
            chain.take(gathered, atMost: max)
        }
        return .ok
    }
}
