import ByteKit
import ModuleKit

/// Makes answers `data:` URLs (RFC 2397).
final class DataURL: Module {
    static let info = ModuleInfo("data_module", version: "1.0", requires: [APUS_EXT_FILTERS])

    init(_ host: Host) throws {
        try host.outputFilter("DATA", stage: APUS_STAGE_CONTENT, DataFilter.self)
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    DataURL.descriptor(for: host, named: name)
}

/// The output filter DATA.
final class DataFilter: OutputFilter {
    private var head = Bytes.none
    /// Up to two bytes that make no group yet.
    private var left: [UInt8] = []
    private let out: Chain

    /// How many bytes are encoded at a time: whole groups of three.
    private static let share = 24 << 10

    /// A part of another answer has no end of its own to fill the last group up at; nor has an error page anything to show.
    init?(_ filter: Filter) {
        guard filter.request.main == nil, filter.request.previous == nil else { return nil }
        out = Chain(in: filter.request.pool)
    }

    func prepare(_ filter: Filter) -> Bool {
        let request = filter.request
        // "text/html; charset=x" without its spaces, and without what a further space may separate.
        let words = request.contentType.isSet ? request.contentType.string.split(separator: " ", omittingEmptySubsequences: false) : []
        head = request.pool.copy("data:\(words.prefix(2).joined());base64,")
        if let length = request.headersOut["Content-Length"]?.decimal, length < 1 << 60 {
            request.headersOut["Content-Length"] = request.pool.compose(capacity: 20) {
                $0.append(decimal: Int64(head.count + Base64.encodedLength(Int(length))))
            }
        }
        request.contentType = Bytes("text/plain")
        return true
    }

    func process(_ chain: Chain, _ filter: Filter) -> Status {
        var isSound = true
        chain.takePieces { piece in
            switch piece {
            case .data(let bytes):
                begin()
                encode(bytes)
            case .flush: out.appendFlush()
            case .end:
                begin()
                if !left.isEmpty { left.withUnsafeBytes { append(Bytes($0)) } }
                out.appendEnd()
            case .unreadable: isSound = false
            }
            return isSound
        }
        guard isSound else { return .failed }
        return out.isEmpty ? .ok : filter.pass(out)
    }

    private func begin() {
        if head.isSet { out.append(head) }
        head = .none
    }

    private func encode(_ bytes: Bytes) {
        var rest = bytes
        while !left.isEmpty, left.count < 3, !rest.isEmpty {
            left.append(rest[0])
            rest = rest.from(1)
        }
        if left.count == 3 {
            left.withUnsafeBytes { append(Bytes($0)) }
            left = []
        }
        guard left.isEmpty else { return }
        while rest.count >= 3 {
            let count = min(rest.count / 3 * 3, Self.share)
            append(rest.upTo(count))
            rest = rest.from(count)
        }
        left = Array(rest.buffer)
    }

    private func append(_ bytes: Bytes) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Base64.encodedLength(bytes.count)) { room in
            guard let start = room.baseAddress else { return }
            var writer = ByteWriter(start, capacity: room.count)
            Base64.encode(bytes, &writer)
            out.append(writer.written)
        }
    }
}
