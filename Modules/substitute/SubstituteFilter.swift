import ModuleKit

/// The output filter SUBSTITUTE.
final class SubstituteFilter: OutputFilter {
    private let conf: UnsafePointer<SubstituteConf>
    private var line: [UInt8] = []
    private var out: [UInt8] = []
    private var chain: Chain?

    init?(_ filter: Filter) { conf = UnsafePointer(filter.request.confPointer(SubstituteConf.self)) }

    func prepare(_ filter: Filter) -> Bool {
        guard !conf.pointee.replacements.isEmpty, !filter.request.isEncoded else { return false }
        filter.request.headersOut["Content-Length"] = nil
        filter.request.headersOut["Content-MD5"] = nil
        filter.request.headersOut["ETag"] = nil
        return true
    }

    func process(_ input: Chain, _ filter: Filter) -> Status {
        let request = filter.request
        let chain = chain ?? Chain(in: request.pool)
        self.chain = chain
        var problem: String?
        input.takePieces { piece in
            problem = take(piece, chain)
            return problem == nil
        }
        if let problem {
            Log(host: filter.host).write(.error, code: "AH01328", request: request, problem)
            return .failed
        }
        flush(to: chain)
        return chain.isEmpty ? .ok : filter.pass(chain)
    }

    private func take(_ piece: BodyPiece, _ chain: Chain) -> String? {
        switch piece {
        case .data(let bytes): return take(bytes)
        case .flush:
            // What has come of a line waits for its end: it may hold the beginning of something.
            flush(to: chain)
            chain.appendFlush()
        case .end:
            endLine()
            flush(to: chain)
            chain.appendEnd()
        case .unreadable: return "the body cannot be read"
        }
        return nil
    }

    private func take(_ bytes: Bytes) -> String? {
        var start = 0
        while start < bytes.count {
            let end = bytes.firstIndex(of: UInt8(ascii: "\n"), from: start).map { $0 + 1 } ?? bytes.count
            line.append(contentsOf: bytes[start..<end].buffer)
            guard line.count <= conf.pointee.effectiveLength else {
                return "a line is longer than the \(conf.pointee.effectiveLength) bytes of SubstituteMaxLineLength"
            }
            if bytes[end - 1] == UInt8(ascii: "\n") { endLine() }
            start = end
        }
        return nil
    }

    private func flush(to chain: Chain) {
        guard !out.isEmpty else { return }
        out.withUnsafeBytes { chain.append(Bytes($0)) }
        out.removeAll(keepingCapacity: true)
    }

    private func endLine() {
        guard !line.isEmpty else { return }
        var rewriter = LineRewriter(line)
        for replacement in conf.pointee.replacements.elements { rewriter.apply(replacement) }
        rewriter.append(to: &out)
        line.removeAll(keepingCapacity: true)
    }
}

/// One line while it is rewritten.
struct LineRewriter {
    /// Nothing is found across their borders.
    private var parts: [[UInt8]]

    init(_ line: [UInt8]) { parts = [line] }

    func append(to out: inout [UInt8]) { for part in parts { out.append(contentsOf: part) } }

    mutating func apply(_ replacement: Replacement) {
        guard parts.contains(where: { occurs(replacement, $0) }) else { return }
        var next: [[UInt8]] = []
        for part in parts { rewrite(part, replacement, &next) }
        parts = next
    }

    private func occurs(_ replacement: Replacement, _ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { find(replacement, Bytes($0), from: 0) != nil }
    }

    private func rewrite(_ bytes: [UInt8], _ replacement: Replacement, _ next: inout [[UInt8]]) {
        bytes.withUnsafeBytes { buffer in
            let text = Bytes(buffer)
            var open: [UInt8] = []
            var start = 0
            while start < text.count, let found = find(replacement, text, from: start) {
                open.append(contentsOf: text[start..<found.lowerBound].buffer)
                let value = value(of: replacement, text, from: start)
                if replacement.isOpen {
                    open.append(contentsOf: value)
                } else {
                    if !open.isEmpty { next.append(open) }
                    next.append(value)
                    open = []
                }
                // An empty match would be found for ever.
                if found.isEmpty, found.upperBound < text.count { open.append(text[found.upperBound]) }
                start = found.isEmpty ? found.upperBound + 1 : found.upperBound
            }
            if start < text.count { open.append(contentsOf: text.from(start).buffer) }
            if !open.isEmpty { next.append(open) }
        }
    }

    private func find(_ replacement: Replacement, _ text: Bytes, from start: Int) -> Range<Int>? {
        let rest = text.from(start)
        guard let pattern = replacement.pattern else { return findText(replacement, text, from: start) }
        return withUnsafeTemporaryAllocation(of: Int64.self, capacity: 2) { spans in
            guard pattern.match(rest, spans: spans), spans[0] >= 0 else { return nil }
            return start + Int(spans[0])..<start + Int(spans[1])
        }
    }

    private func findText(_ replacement: Replacement, _ text: Bytes, from start: Int) -> Range<Int>? {
        let wanted = replacement.text
        guard !replacement.ignoresCase else {
            var at = start
            while at + wanted.count <= text.count {
                if text[at..<(at + wanted.count)].equalsIgnoringCase(wanted) { return at..<at + wanted.count }
                at += 1
            }
            return nil
        }
        var from = start
        while let at = text.firstIndex(of: wanted[0], from: from), at + wanted.count <= text.count {
            if text[at..<(at + wanted.count)] == wanted { return at..<at + wanted.count }
            from = at + 1
        }
        return nil
    }

    /// What a match is replaced with: $0 … $9 stand for parts of it.
    private func value(of replacement: Replacement, _ text: Bytes, from start: Int) -> [UInt8] {
        guard let pattern = replacement.pattern else { return Array(replacement.value.buffer) }
        return withUnsafeTemporaryAllocation(of: Int64.self, capacity: 20) { spans in
            for index in 0..<20 { spans[index] = -1 }
            guard pattern.match(text.from(start), spans: spans) else { return [] }
            return expand(replacement.value, text.from(start), spans)
        }
    }

    private func expand(_ value: Bytes, _ subject: Bytes, _ spans: UnsafeMutableBufferPointer<Int64>) -> [UInt8] {
        var out: [UInt8] = []
        var index = 0
        func group(_ number: Int) {
            let (begin, end) = (spans[number * 2], spans[number * 2 + 1])
            if begin >= 0, end >= begin { out.append(contentsOf: subject[Int(begin)..<Int(end)].buffer) }
        }
        while index < value.count {
            let byte = value[index]
            let next = index + 1 < value.count ? value[index + 1] : 0
            if byte == UInt8(ascii: "\\"), next == UInt8(ascii: "$") || next == byte {
                out.append(next)
                index += 2
            } else if byte == UInt8(ascii: "$"), next.isDigit {
                group(Int(next) - 0x30)
                index += 2
            } else {
                out.append(byte)
                index += 1
            }
        }
        return out
    }
}
