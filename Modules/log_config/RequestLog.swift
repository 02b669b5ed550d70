import ModuleKit

/// The log_transaction hook: a line for each log of the request's server.
func logRequest(_ request: Request, host: Host, at desk: UnsafeMutablePointer<LineDesk>) -> Status {
    let logs = request.serverConf(LogServerConf.self).pointee.active
    guard !logs.isEmpty else { return .declined }
    var original = request
    while let earlier = original.previous { original = earlier }
    var line = LineComposer(request: request, original: original, host: host, desk: desk)
    for index in 0..<logs.count {
        let log = logs.elements.baseAddress.unsafelyUnwrapped + index
        guard let sink = log.pointee.sink, isWanted(log, request) else { continue }
        if let composed = line.compose(log.pointee.format) { sink.append(composed) }
    }
    return .ok
}

@inline(__always)
private func isWanted(_ log: UnsafePointer<ActiveLog>, _ request: Request) -> Bool {
    if let condition = log.pointee.target.condition { return condition.test(request) ?? false }
    guard log.pointee.target.variable.isSet else { return true }
    return (request.environment[log.pointee.target.variable] != nil) != log.pointee.target.isNegated
}

/// Composes the line of one request.
struct LineComposer {
    let request: Request
    let original: Request
    let host: Host
    let desk: UnsafeMutablePointer<LineDesk>
    private let status: Int32
    /// When the line is written; asked for once, and only by items that need it.
    private var end: Int64 = 0

    @inline(__always)
    init(request: Request, original: Request, host: Host, desk: UnsafeMutablePointer<LineDesk>) {
        self.request = request
        self.original = original
        self.host = host
        self.desk = desk
        status = Int32(truncatingIfNeeded: request.status)
    }

    /// The line, in the desk's buffer until the next one; nil: it is longer than any may be.
    mutating func compose(_ format: LogFormat) -> Bytes? {
        while true {
            var line = LogLine(ByteWriter(desk.pointee.buffer, capacity: desk.pointee.capacity), isJSON: format.isJSON)
            if format.isJSON { append(format.fields, to: &line) } else { append(format.items, to: &line) }
            if !line.text.overflowed { return line.text.written }
            guard desk.pointee.grow() else { return nil }
        }
    }

    private mutating func append(_ fields: PoolArray<LogField>, to line: inout LogLine) {
        line.text.append(UInt8(ascii: "{"))
        var isFirst = true
        for index in 0..<fields.count {
            let field = UnsafePointer(fields.elements.baseAddress.unsafelyUnwrapped + index)
            if line.appendField(field, isFirst: isFirst, { append(field.pointee.items, to: &$0) }) { isFirst = false }
        }
        line.text.append("}\n")
    }

    @inline(__always)
    private mutating func append(_ items: PoolArray<LogItem>, to line: inout LogLine) {
        for index in 0..<items.count {
            append(items.elements.baseAddress.unsafelyUnwrapped + index, to: &line)
        }
    }

    @inline(__always)
    private mutating func append(_ item: UnsafePointer<LogItem>, to line: inout LogLine) {
        if item.pointee.kind == .literal { return line.append(literal: item.pointee.text) }
        guard item.pointee.applies(to: status) else { return line.appendDash() }
        write(item, item.pointee.usesOriginal ? original : request, to: &line)
    }

    /// Microseconds since 1970 that a time item is about.
    private mutating func moment(_ item: UnsafePointer<LogItem>, _ r: Request) -> Int64 {
        item.pointee.isAtEnd ? now() : r.number(APUS_R_TIME_US)
    }

    private mutating func now() -> Int64 {
        if end == 0 { end = host.clock }
        return end
    }

    private mutating func duration(_ r: Request) -> Int64 { max(0, now() - r.number(APUS_R_TIME_US)) }

    /// The items that most formats have.
    @inline(__always)
    private mutating func write(_ item: UnsafePointer<LogItem>, _ r: Request, to line: inout LogLine) {
        switch item.pointee.kind {
        case .remoteName: line.append(escapingOrDash: r.peerName)
        case .user: line.append(user: r.user)
        case .time: desk.pointee.append(stampOf: moment(item, r) / 1_000_000, to: &line.text)
        case .requestLine: line.append(requestLine: r.requestLine)
        case .status: line.append(positive: r.number(APUS_R_STATUS))
        case .bytesOrDash: line.append(positive: r.number(APUS_R_BYTES_SENT))
        case .header: line.append(all: item.pointee.text, of: r.headersIn)
        default: writeOther(item, r, to: &line)
        }
    }

    @inline(never)
    private mutating func writeOther(_ item: UnsafePointer<LogItem>, _ r: Request, to line: inout LogLine) {
        switch item.pointee.kind {
        case .literal, .oddArgument: line.append(plain: item.pointee.text)
        case .unknown: line.appendDash()

        case .clientAddress: line.append(orDash: r.peerAddress)
        case .peerAddress: line.append(orDash: r.connection.peerAddress)
        case .localAddress: line.append(orDash: r.connection.localAddress)
        case .canonicalPort: line.text.append(decimal: r.canonicalPort)
        case .localPort: line.text.append(decimal: Int64(r.connection.localPort))
        case .remotePort: line.text.append(decimal: Int64(r.peerPort))
        case .keepAlives: line.text.append(decimal: r.number(APUS_R_KEEPALIVES))
        case .connectionState: line.text.append(UInt8(truncatingIfNeeded: r.number(APUS_R_CONNECTION_STATE)))

        case .requestID: line.append(escapingOrDash: r.get(APUS_R_LOG_ID))
        case .connectionID: line.append(escapingOrDash: r.connection.logID)

        case .method: line.append(escapingOrDash: r.method)
        case .path: line.append(escapingOrDash: r.path)
        case .query: line.append(query: r.query)
        case .protocolName: line.append(escapingOrDash: r.protocolName)
        case .file: line.append(escapingOrDash: r.filename)
        case .handler: line.append(escapingOrDash: r.handler)
        case .serverName: line.append(escapingOrDash: r.server.name)
        case .canonicalName: line.append(escapingOrDash: r.canonicalName)

        case .bytes: line.text.append(decimal: r.number(APUS_R_BYTES_SENT))
        case .bytesReceived: line.text.append(decimal: r.number(APUS_R_WIRE_RECEIVED))
        case .bytesSent: line.text.append(decimal: r.number(APUS_R_WIRE_SENT))
        case .bytesMoved: line.text.append(decimal: r.number(APUS_R_WIRE_RECEIVED) + r.number(APUS_R_WIRE_SENT))

        case .trailer: line.append(all: item.pointee.text, of: r.trailersIn)
        case .responseHeader: line.append(response: item.pointee.text, of: r)
        case .responseTrailer: line.append(escapingOrDash: r.trailersOut[item.pointee.text] ?? .none)
        case .contentType: line.append(contentType: r)
        case .cookie: line.append(escapingOrDash: cookie(item.pointee.text, of: r))
        case .note: line.append(escapingOrDash: r.notes[item.pointee.text] ?? .none)
        case .variable: line.append(escapingOrDash: r.environment[item.pointee.text] ?? .none)
        case .provided: line.append(escapingOrDash: provided(item, r))

        case .seconds: line.text.append(decimal: duration(r) / 1_000_000)
        case .milliseconds: line.text.append(decimal: duration(r) / 1000)
        case .microseconds: line.text.append(decimal: duration(r))
        case .pid: line.text.append(decimal: Int64(desk.pointee.pid))
        case .tid: line.text.append(decimal: Int64(threadID))
        case .hexTid: line.text.append(hex: UInt64(threadID))
        default: writeTime(item, moment(item, r), to: &line)
        }
    }

    private func writeTime(_ item: UnsafePointer<LogItem>, _ time: Int64, to line: inout LogLine) {
        switch item.pointee.kind {
        case .timeSeconds: line.text.append(decimal: time / 1_000_000)
        case .timeMilliseconds: line.text.append(decimal: time / 1000)
        case .timeMicroseconds: line.text.append(decimal: time)
        case .timeMillisecondFraction: line.text.append(decimal: Int(time / 1000 % 1000), width: 3)
        case .timeMicrosecondFraction: line.text.append(decimal: Int(time % 1_000_000), width: 6)
        case .timeFormat: line.append(item.pointee.text, formatting: desk.pointee.localTime(time / 1_000_000))
        case .timeOfRFC3339: line.text.append(rfc3339: desk.pointee.localTime(time / 1_000_000), fraction: Int(time % 1_000_000))
        default: desk.pointee.append(stampOf: time / 1_000_000, to: &line.text)
        }
    }

    private func provided(_ item: UnsafePointer<LogItem>, _ r: Request) -> Bytes {
        item.pointee.provider?.pointee.value(item.pointee.context, r.raw, item.pointee.text) ?? .none
    }
}
