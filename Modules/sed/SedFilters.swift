import ModuleKit

/// Cuts a body into lines for a script. A line is handed over when it is known whether another follows.
struct SedLines {
    private var machine: SedMachine
    private var line: [UInt8] = []
    /// A whole line waits in `line`.
    private var isWhole = false
    private(set) var hasEnded = false

    init(_ program: SedProgram) { machine = SedMachine(program) }

    /// What is wrong; nil: nothing.
    mutating func take(_ bytes: Bytes) -> String? {
        var start = 0
        while start < bytes.count {
            if isWhole, let problem = handOver(isLast: false) { return problem }
            let end = bytes.firstIndex(of: UInt8(ascii: "\n"), from: start)
            line.append(contentsOf: bytes[start..<(end ?? bytes.count)].buffer)
            guard line.count <= SedMachine.limit else { return "a line is longer than \(SedMachine.limit) bytes" }
            isWhole = end != nil
            start = (end ?? bytes.count) + 1
        }
        return nil
    }

    mutating func end() -> String? { isWhole || !line.isEmpty ? handOver(isLast: true) : nil }

    private mutating func handOver(isLast: Bool) -> String? {
        let problem = line.withUnsafeBytes { machine.take($0.isEmpty ? Bytes("") : Bytes($0), isLast: isLast) }
        line.removeAll(keepingCapacity: true)
        isWhole = false
        return problem
    }

    mutating func takeOutput(into chain: Chain) { machine.takeOutput { chain.append($0) } }

    /// Takes a chain apart. What is wrong; nil: nothing.
    mutating func take(_ input: Chain, into out: Chain) -> String? {
        var problem: String?
        input.takePieces { piece in
            switch piece {
            case .data(let bytes): problem = take(bytes)
            case .flush:
                // The beginning of a line waits for its end.
                takeOutput(into: out)
                out.appendFlush()
            case .end:
                problem = end()
                takeOutput(into: out)
                hasEnded = true
                out.appendEnd()
            case .unreadable: problem = "the body cannot be read"
            }
            return problem == nil
        }
        takeOutput(into: out)
        return problem
    }
}

/// The output filter Sed.
final class SedOutput: OutputFilter {
    private var lines: SedLines
    private let out: Chain

    init?(_ filter: Filter) {
        guard let program = filter.request.conf(SedConf.self).output?.program else { return nil }
        lines = SedLines(program)
        out = Chain(in: filter.request.pool)
    }

    func prepare(_ filter: Filter) -> Bool {
        filter.request.headersOut["Content-Length"] = nil
        filter.request.headersOut["Content-MD5"] = nil
        return true
    }

    func process(_ chain: Chain, _ filter: Filter) -> Status {
        if let problem = lines.take(chain, into: out) {
            Log(host: filter.host).write(.error, code: "AH10394", request: filter.request, problem)
            return .failed
        }
        return out.isEmpty ? .ok : filter.pass(out)
    }
}

/// The input filter Sed.
final class SedInput: InputFilter {
    private var lines: SedLines
    private let raw: Chain
    private var hasEnded = false

    init?(_ filter: Filter) {
        guard filter.request.main == nil, let program = filter.request.conf(SedConf.self).input?.program else { return nil }
        lines = SedLines(program)
        raw = Chain(in: filter.request.pool)
        filter.request.headersIn["Content-Length"] = nil
        filter.request.headersIn["Content-MD5"] = nil
    }

    func fill(_ chain: Chain, max: Int, _ filter: Filter) -> Status {
        let before = chain.length
        // Bytes may make no line yet.
        while chain.length == before, !hasEnded {
            let status = filter.pull(max, into: raw)
            guard status == .ok else { return status }
            if let problem = lines.take(raw, into: chain) {
                Log(host: filter.host).write(.error, code: "AH10394", request: filter.request, problem)
                return .status(413)
            }
            hasEnded = lines.hasEnded
        }
        return .ok
    }
}
