import ByteKit
import ModuleABI

/// Range requests on files (RFC 9110, 14).
enum Ranges {
    /// Bytes of a representation, both ends included.
    struct Span: BitwiseCopyable {
        var first: Int64
        var last: Int64
        var length: Int64 { last - first + 1 }
    }

    enum Outcome {
        /// The whole representation is the answer: no range was asked for, or not in earnest.
        case whole
        case unsatisfiable
        case spans(UnsafeMutableBufferPointer<Span>)
    }

    /// Beyond these the whole is sent.
    private struct Limits {
        let ranges: Int
        let overlaps: Int
        let reversals: Int

        init(_ conf: CoreDirConf) {
            ranges = Limits.value(conf.maxRanges, 200)
            overlaps = Limits.value(conf.maxRangeOverlaps, 20)
            reversals = Limits.value(conf.maxRangeReversals, 20)
        }

        private static func value(_ number: Int32?, _ standard: Int) -> Int {
            number.map { $0 < 0 ? Int.max : Int($0) } ?? standard
        }
    }

    static func choose(_ r: Request.Ref, _ file: CachedFile.Ref) -> Outcome {
        guard r.pointee.framing.hasConditions, r.pointee.methodKind == .get || r.pointee.methodKind == .head,
            r.pointee.status == 200, let field = r.pointee.headersIn.first("Range"), field.hasPrefixIgnoringCase("bytes="),
            // Two fields are no list (RFC 9110, 5.3): peers could disagree about which of them counts.
            r.pointee.headersIn.value(Bytes("Range"), nth: 1) == nil,
            holdsIfRange(r, file)
        else { return .whole }
        let limits = Limits(r.core)
        guard limits.ranges > 0 else { return .whole }
        return parse(field.from(6), size: file.pointee.info.size, limits, in: r.pointee.arena)
    }

    /// RFC 9110, 13.1.5: a strong entity tag, or the exact date of the last change.
    private static func holdsIfRange(_ r: Request.Ref, _ file: CachedFile.Ref) -> Bool {
        guard let condition = r.pointee.headersIn.first("If-Range") else { return true }
        if condition.hasPrefix("\"") { return condition == r.pointee.headersOut.first("ETag") ?? .none }
        guard !condition.hasPrefix("W/"), let date = HTTPDate.parse(condition) else { return false }
        return date == file.pointee.info.modified / 1_000_000_000
    }

    private static func parse(_ list: Bytes, size: Int64, _ limits: Limits, in arena: Arena.Ref) -> Outcome {
        guard size > 0, !list.isEmpty, list[0] != 0x20, list[0] != 0x09 else { return .whole }
        // No list has more elements than commas, and one more.
        var gathered = Gathered(arena, room: min(limits.ranges, list.buffer.count { $0 == 0x2c } + 1))
        var isValid = true
        var hasElement = false
        Token.eachElement(list) { element in
            hasElement = true
            guard isValid, !gathered.isWhole else { return }
            // As httpd does: who asks for all of it gets all of it, as a 206, whatever else is asked for.
            if element == "0-" { return gathered.takeWhole(size) }
            switch span(element, size) {
            case .none: isValid = false
            case .some(.none): break
            case .some(.some(let span)): gathered.add(span)
            }
        }
        guard isValid || gathered.isWhole, hasElement, !gathered.isTooMany else { return .whole }
        guard gathered.count > 0 else { return .unsatisfiable }
        // Ranges that run over each other or backwards too often, or are more than the whole, cost more than they are worth.
        guard gathered.overlaps <= limits.overlaps, gathered.reversals <= limits.reversals, gathered.length <= size else { return .whole }
        return .spans(gathered.found)
    }

    /// Spans in the order of the request; one that overlaps or touches the one before it is joined to it (RFC 9110, 15.3.7.2).
    private struct Gathered {
        private let spans: UnsafeMutableBufferPointer<Span>
        private(set) var count = 0
        private(set) var overlaps = 0
        private(set) var reversals = 0
        private(set) var isTooMany = false
        private(set) var isWhole = false

        init(_ arena: Arena.Ref, room: Int) {
            spans = UnsafeMutableBufferPointer(start: arena.allocate(Span.self, count: room), count: room)
        }

        var found: UnsafeMutableBufferPointer<Span> { UnsafeMutableBufferPointer(rebasing: spans[..<count]) }
        var length: Int64 { found.reduce(0) { $0 + $1.length } }

        mutating func add(_ span: Span) {
            if count > 0, joins(span, to: &spans[count - 1]) { return overlaps += 1 }
            guard count < spans.count else { return isTooMany = true }
            spans[count] = span
            count += 1
        }

        mutating func takeWhole(_ size: Int64) {
            spans[0] = Span(first: 0, last: size - 1)
            count = 1
            isTooMany = false
            isWhole = true
        }

        private mutating func joins(_ span: Span, to last: inout Span) -> Bool {
            var isJoined = span.first >= last.first && span.last <= last.last
            if span.first < last.first, span.last >= last.first - 1 {
                last.first = span.first
                reversals += 1
                isJoined = true
            }
            if span.last >= last.last, span.first <= last.last + 1 {
                last.last = span.last
                isJoined = true
            }
            return isJoined
        }
    }

    /// One element: nil for what is no range at all, nil inside for one that lies outside the representation.
    private static func span(_ text: Bytes, _ size: Int64) -> Span?? {
        guard let dash = text.firstIndex(of: 0x2d) else { return .none }
        let before = text.upTo(dash).trimmed
        let after = text.from(dash + 1).trimmed
        if before.isEmpty {
            guard let suffix = after.decimal, suffix > 0 else { return .none }
            return Span(first: max(0, size - suffix), last: size - 1)
        }
        guard let first = before.decimal else { return .none }
        var last = Int64.max
        if !after.isEmpty {
            guard let given = after.decimal, given >= first else { return .none }
            last = given
        }
        guard first < size else { return .some(nil) }
        return Span(first: first, last: min(last, size - 1))
    }

    // MARK: Answers

    /// Sends the spans of a file, several of them as multipart/byteranges.
    static func send(_ r: Request.Ref, _ file: CachedFile.Ref, _ spans: UnsafeMutableBufferPointer<Span>) -> apus_status {
        r.pointee.status = 206
        let chain = Chain.make(r.pointee.arena)
        if spans.count == 1 {
            r.pointee.headersOut.append(
                Field(name: Bytes("Content-Range"), value: contentRange(r, spans[0], file.pointee.info.size)), r.pointee.arena)
            append(spans[0], of: file, to: chain)
        } else {
            appendParts(r, file, spans, to: chain)
        }
        chain.pointee.append(mark: .end)
        let status = OutputFeed.write(r, chain)
        return status < 0 ? status : APUS_OK
    }

    static func refuse(_ r: Request.Ref, _ file: CachedFile.Ref) -> apus_status {
        let size = file.pointee.info.size
        var writer = ByteWriter(r.pointee.arena.pointee.allocate(40), capacity: 40)
        writer.append("bytes */")
        writer.append(decimal: size)
        r.pointee.errorHeadersOut.set(Bytes("Content-Range"), writer.written, r.pointee.arena)
        return 416
    }

    private static func append(_ span: Span, of file: CachedFile.Ref, to chain: Chain.Ref) {
        chain.pointee.queue.append(StaticFile.segment(file, offset: span.first, length: span.length))
    }

    private static func contentRange(_ r: Request.Ref, _ span: Span, _ size: Int64) -> Bytes {
        var writer = ByteWriter(r.pointee.arena.pointee.allocate(80), capacity: 80)
        compose(span, size, &writer)
        return writer.written
    }

    private static func compose(_ span: Span, _ size: Int64, _ writer: inout ByteWriter) {
        writer.append("bytes ")
        writer.append(decimal: span.first)
        writer.append(0x2d)
        writer.append(decimal: span.last)
        writer.append(0x2f)
        writer.append(decimal: size)
    }

    private static func appendParts(
        _ r: Request.Ref, _ file: CachedFile.Ref, _ spans: UnsafeMutableBufferPointer<Span>, to chain: Chain.Ref
    ) {
        let type = r.pointee.contentType
        let boundary = self.boundary(r)
        let bound = type.count + 160
        for span in spans {
            var writer = ByteWriter(r.pointee.arena.pointee.allocate(bound), capacity: bound)
            writer.append("\r\n--")
            writer.append(boundary)
            if !type.isEmpty {
                writer.append("\r\nContent-Type: ")
                writer.append(type)
            }
            writer.append("\r\nContent-Range: ")
            compose(span, file.pointee.info.size, &writer)
            writer.append("\r\n\r\n")
            chain.pointee.append(borrowed: writer.written, release: nil, context: nil)
            append(span, of: file, to: chain)
        }
        let tail = r.pointee.arena.join(Bytes("\r\n--"), boundary, Bytes("--\r\n"))
        chain.pointee.append(borrowed: tail, release: nil, context: nil)
        r.pointee.contentType = r.pointee.arena.join(Bytes("multipart/byteranges; boundary="), boundary)
    }

    /// Unlike anything a file is likely to hold at a line's start: time, connection and request.
    private static func boundary(_ r: Request.Ref) -> Bytes {
        var writer = ByteWriter(r.pointee.arena.pointee.allocate(48), capacity: 48)
        writer.append(hex: UInt64(bitPattern: r.pointee.startTime))
        writer.append(hex: r.pointee.conn.pointee.id &* 0x9e37_79b9_7f4a_7c15 ^ UInt64(UInt(bitPattern: r)))
        return writer.written
    }
}
