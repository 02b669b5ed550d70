import ModuleKit

/// What an item of a format writes.
enum ItemKind: UInt8, BitwiseCopyable {
    case literal
    case clientAddress, peerAddress, localAddress, remoteName
    case bytes, bytesOrDash, bytesReceived, bytesSent, bytesMoved
    case header, cookie, responseHeader, contentType, note, variable, trailer, responseTrailer
    case seconds, milliseconds, microseconds
    case file, handler, method, path, protocolName, query, requestLine, status, user
    case keepAlives, connectionState
    case requestID, connectionID
    case canonicalPort, localPort, remotePort
    case pid, tid, hexTid
    case serverName, canonicalName
    case time, timeFormat, timeOfRFC3339, timeSeconds, timeMilliseconds, timeMicroseconds, timeMillisecondFraction,
        timeMicrosecondFraction
    /// Always a dash: nothing of the kind is known.
    case unknown
    /// An argument that its letter does not know, written as it stands.
    case oddArgument
    case provided

    /// Always written as a number, or not at all.
    var isNumber: Bool {
        switch self {
        case .bytes, .bytesOrDash, .bytesReceived, .bytesSent, .bytesMoved, .seconds, .milliseconds, .microseconds, .status, .keepAlives,
            .canonicalPort, .localPort, .remotePort, .pid, .tid, .timeSeconds, .timeMilliseconds, .timeMicroseconds:
            true
        default: false
        }
    }
}

/// One piece of a line. Raw memory only: formats are walked for every request.
struct LogItem: BitwiseCopyable {
    var kind = ItemKind.literal
    /// Asks the request that the client sent, not the one it was redirected to inside the server.
    var usesOriginal = false
    /// Of times: the end of the request, not its beginning.
    var isAtEnd = false
    /// Whether the statuses are those it is not written for.
    var isNegated = false
    var text = Bytes.none
    var statuses = PoolArray<Int32>()
    var provider: UnsafePointer<apus_log_item_v1>?
    var context: UnsafeMutableRawPointer?

    /// The text of an item that is always the same; nil for others.
    var constant: Bytes? {
        switch kind {
        case .literal: text
        case .unknown: Bytes("-")
        default: nil
        }
    }

    /// Whether the item is to be written for an answer of this status.
    @inline(__always)
    func applies(to status: Int32) -> Bool {
        guard !statuses.isEmpty else { return true }
        return statuses.elements.contains(status) != isNegated
    }
}

/// What is wrong with a format.
struct FormatError: Error {
    let message: String
}

/// A field of a JSON object: what its items write.
struct LogField: BitwiseCopyable {
    /// The name as it is written: in quotes, with its colon.
    let name: Bytes
    let items: PoolArray<LogItem>

    /// Written without quotes.
    var isNumber: Bool { items.count == 1 && items.elements[0].kind.isNumber }
}

/// A format compiled into items, or into the fields of a JSON object.
struct LogFormat: BitwiseCopyable {
    private(set) var items = PoolArray<LogItem>()
    private(set) var fields = PoolArray<LogField>()

    /// What the word `json` stands for.
    static let jsonFields =
        "time=%{rfc3339}t client=%a user=%u method=%m path=%U query=%q protocol=%H status=%>s bytes=%B duration_us=%D server=%v "
        + "host=%{Host}i port=%p referer=%{Referer}i agent=%{User-Agent}i request=%L connection=%{c}L"

    var isJSON: Bool { !fields.isEmpty }

    /// Whether a format is one of JSON, by how it begins.
    static func isJSON(_ text: Bytes) -> Bool { text == "json" || text.hasPrefix("json:") }

    /// - Throws: `FormatError`.
    init(_ text: Bytes, host: Host, in pool: Pool) throws {
        guard LogFormat.isJSON(text) else {
            for item in try LogFormat.items(text, host, pool).elements { append(item, in: pool) }
            append(LogItem(text: Bytes("\n")), in: pool)
            return
        }
        let list = text == "json" ? Array(LogFormat.jsonFields.utf8) : Array(text.from(5).buffer)
        for field in try LogFormat.fieldList(list) {
            let items = try field.format.withUnsafeBytes { try LogFormat.items(Bytes($0), host, pool) }
            fields.append(LogField(name: field.prefix.withUnsafeBytes { pool.copy(Bytes($0)) }, items: items), in: pool)
        }
    }

    private static func items(_ text: Bytes, _ host: Host, _ pool: Pool) throws -> PoolArray<LogItem> {
        var reader = FormatReader(text: text, host: host, pool: pool)
        var items = PoolArray<LogItem>()
        while let item = try reader.next() { items.append(item, in: pool) }
        return items
    }

    private static func fieldList(_ text: [UInt8]) throws -> [JSONField] {
        do throws(JSONField.Problem) {
            return try JSONField.list(text)
        } catch {
            throw FormatError(message: "\(error.message); \(error.hint)")
        }
    }

    /// What is the same in every line is one piece, however many items it comes of.
    private mutating func append(_ item: LogItem, in pool: Pool) {
        guard let text = item.constant else { return items.append(item, in: pool) }
        let last = items.elements.last?.constant ?? .none
        let joined = pool.literal(last, text)
        if last.isSet {
            items.elements[items.count - 1].text = joined
        } else {
            items.append(LogItem(text: joined), in: pool)
        }
    }

    /// What is legal in it and probably wrong.
    var warnings: [String] {
        (items.elements + fields.elements.flatMap { Array($0.items.elements) }).compactMap { item in
            guard item.kind == .oddArgument else { return nil }
            return
                "the argument \"\(item.text.string)\" means nothing to its letter and is logged as it stands"
        }
    }
}

extension Pool {
    /// Two texts in one, in memory that can be read in blocks of `ByteWriter.literalBlock`.
    fileprivate func literal(_ first: Bytes, _ second: Bytes) -> Bytes {
        let room = first.count + second.count + ByteWriter.literalBlock
        let place = allocate(UInt8.self, count: room)
        place.initialize(repeating: 0, count: room)
        var writer = ByteWriter(place, capacity: room)
        writer.append(first)
        writer.append(second)
        return writer.written
    }
}
