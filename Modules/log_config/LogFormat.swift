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
    case canonicalPort, localPort, remotePort
    case pid, tid, hexTid
    case serverName, canonicalName
    case time, timeFormat, timeSeconds, timeMilliseconds, timeMicroseconds, timeMillisecondFraction,
        timeMicrosecondFraction
    /// Always a dash: nothing of the kind is known.
    case unknown
    /// An argument that its letter does not know, written as it stands.
    case oddArgument
    case provided
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

/// A format compiled into items.
struct LogFormat: BitwiseCopyable {
    private(set) var items = PoolArray<LogItem>()

    /// - Throws: `FormatError`.
    init(_ text: Bytes, host: Host, in pool: Pool) throws {
        var reader = FormatReader(text: text, host: host, pool: pool)
        while let item = try reader.next() { append(item, in: pool) }
        append(LogItem(text: Bytes("\n")), in: pool)
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
        items.elements.compactMap { item in
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
