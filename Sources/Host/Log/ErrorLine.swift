import ByteKit
import CSystem
import Glibc
import ModuleABI

/// A message for the error log.
struct ErrorMessage {
    var level: Int32
    var module: Bytes
    /// Its permanent number, or empty.
    var code: Bytes
    var text: Bytes
    /// The errno that it is about, or 0.
    var error: Int32 = 0
    var place: ErrorLog.Place
    var source = SourcePlace()

    /// Where in the program it is written.
    struct SourcePlace {
        var file = Bytes.none
        var line: Int64 = 0

        init() {}

        init(_ file: Bytes, _ line: Int64) {
            self.file = file.lastIndex(of: 0x2f).map { file.from($0 + 1) } ?? file
            self.line = line
        }
    }
}

extension ErrorMessage {
    /// What the request has under the name of an item.
    fileprivate func value(of item: ErrorLogItem) -> Bytes {
        guard let request = place.request else { return .none }
        let found = switch item.kind {
        case .header: request.pointee.headersIn.first(item.text)
        case .variable: request.pointee.environment.first(item.text)
        default: request.pointee.notes.first(item.text)
        }
        return found ?? .none
    }
}

/// Composes the line that a format makes of a message.
struct ErrorLine {
    private let message: ErrorMessage
    private let isJSON: Bool
    private var out: ByteWriter

    /// Calls `body` with the line and its end, unless the format wants none.
    static func compose(_ message: ErrorMessage, _ format: ErrorLogFormat, level: UInt8? = nil, _ body: (Bytes) -> Void) {
        let capacity = room(for: format, message)
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: capacity) { buffer in
            var out = ByteWriter(buffer.baseAddress.unsafelyUnwrapped, capacity: capacity)
            if let level { out.append(level) }
            let start = out.count
            var line = ErrorLine(message: message, isJSON: format.isJSON, out: out)
            guard format.isJSON ? line.writeObject(format) : line.writeText(format.items), line.out.count > start else { return }
            line.out.append(0x0a)
            body(line.out.written)
        }
    }

    /// More than the line can need: what clients send may grow sixfold.
    private static func room(for format: ErrorLogFormat, _ message: ErrorMessage) -> Int {
        var bytes = 64
        for item in format.items {
            let room = switch item.kind {
            case .literal: item.text.count * 6
            case .header, .variable, .note: message.value(of: item).count * 6
            case .message, .messageText, .messageCode: (message.code.count + message.text.count) * 6 + 2
            case .timeByFormat: longestTime * 6
            case .serverName, .canonicalName, .module, .place, .requestID: 1600
            default: 128
            }
            bytes += room
        }
        return format.fields.reduce(bytes) { $0 + $1.name.count + 3 }
    }

    private static let longestTime = 256

    // MARK: The line

    private mutating func writeText(_ items: UnsafeBufferPointer<ErrorLogItem>) -> Bool {
        var fieldStart = out.count
        var isSkipping = false
        for item in items {
            if item.beginsField {
                // A field that is left out takes the space before it along.
                if !isSkipping { fieldStart = out.count }
                isSkipping = false
            }
            if isSkipping, !item.kind.isMessage { continue }
            switch outcome(of: item) {
            case .written: continue
            case .noLine: return false
            case .dash: out.append(0x2d)
            case .noField:
                out.shorten(to: fieldStart)
                isSkipping = true
            }
        }
        return true
    }

    private mutating func writeObject(_ format: ErrorLogFormat) -> Bool {
        out.append("{")
        let first = out.count
        for field in format.fields {
            let start = out.count
            if start > first { out.append(",") }
            out.append(field.name)
            if !field.isNumber { out.append(0x22) }
            var isComplete = true
            for item in field.items where isComplete {
                switch outcome(of: item) {
                case .written: continue
                case .noLine: return false
                case .dash: out.append(field.isNumber ? "null" : "-")
                case .noField: isComplete = false
                }
            }
            if !field.isNumber { out.append(0x22) }
            if !isComplete { out.shorten(to: start) }
        }
        out.append("}")
        return true
    }

    private enum Outcome { case written, dash, noField, noLine }

    /// A number before the letter is for messages of that level and of those that tell more.
    private mutating func outcome(of item: ErrorLogItem) -> Outcome {
        guard item.leastLevel <= message.level else { return .noField }
        if write(item) { return .written }
        return item.isRequired ? .noLine : item.isDashWhenEmpty ? .dash : .noField
    }

    // MARK: Items

    private var request: Request.Ref? { message.place.request }
    private var conn: Connection.Ref? { message.place.aboutConnection }

    /// - Returns: whether there was something to write.
    private mutating func write(_ item: ErrorLogItem) -> Bool {
        let start = out.count
        switch item.kind {
        case .literal:
            if isJSON { out.append(json: item.text) } else { out.append(item.text) }
            return true
        case .message, .messageCode, .messageText: writeMessage(item.kind)
        case .header, .variable, .note: escape(message.value(of: item), doublingBackslashes: true)
        case .clientAddress, .peerAddress, .localAddress: writeAddress(item.kind)
        case .level: out.append(LogLevel.name(message.level))
        case .module: append(message.module)
        case .place: writePlace()
        case .systemError: writeSystemError()
        case .keepAlives: if let conn { out.append(decimal: Int64(max(0, conn.pointee.requests - 1))) }
        case .process: out.append(decimal: Int64(getpid()))
        case .thread: out.append(decimal: Int64(UInt(pthread_self())))
        case .systemThread: out.append(decimal: Int64(cs_thread_id()))
        case .requestID: if let request { append(LogID.of(request)) }
        case .connectionID, .connectionIDAlone:
            if let conn, item.kind == .connectionID || request == nil { LogID.write(LogID.of(conn), &out) }
        case .serverName: if let server = message.place.aboutServer { append(server.pointee.name) }
        case .canonicalName: if let request { append(AbsoluteURL.host(request)) }
        case .time, .timeByFormat, .timeOfRFC3339: LogTime.write(item, &out, isJSON: isJSON)
        }
        return out.count > start
    }

    private mutating func append(_ text: Bytes) {
        if isJSON { out.append(json: text) } else { out.append(text) }
    }

    private mutating func writeMessage(_ part: ErrorLogItem.Kind) {
        if part != .messageText, !message.code.isEmpty {
            append(message.code)
            if part == .message { out.append(": ") }
        }
        if part != .messageCode { escape(message.text, doublingBackslashes: false) }
    }

    private mutating func writeSystemError() {
        guard message.error != 0 else { return }
        out.append("(")
        out.append(decimal: Int64(message.error))
        out.append(")")
        append(Bytes(cString: strerror(message.error)))
    }

    private mutating func writePlace() {
        guard !message.source.file.isEmpty else { return }
        append(message.source.file)
        out.append("(")
        out.append(decimal: message.source.line)
        out.append(")")
    }

    private mutating func writeAddress(_ kind: ErrorLogItem.Kind) {
        guard let conn else { return }
        // A module may have corrected who the client is.
        if kind == .clientAddress, let request, request.pointee.peerAddress.isSet {
            append(request.pointee.peerAddress)
            out.append(0x3a)
            return out.append(decimal: Int64(request.pointee.peerPort))
        }
        let address = kind == .localAddress ? conn.localAddress() : conn.pointee.peer
        address.write(host: &out)
        out.append(0x3a)
        out.append(decimal: Int64(address.port))
    }

    private static let hexDigits: StaticString = "0123456789abcdef"

    /// Nothing that a terminal could obey reaches the log. What clients send is kept to ASCII, and can be read back.
    private mutating func escape(_ text: Bytes, doublingBackslashes isForeign: Bool) {
        guard !isJSON else { return out.append(json: text) }
        for byte in text.buffer {
            switch byte {
            case 0x0a: out.append("\\n")
            case 0x0d: out.append("\\r")
            case 0x09: out.append("\\t")
            case 0x5c where isForeign: out.append("\\\\")
            case 0x20...0x7e: out.append(byte)
            case 0x80... where !isForeign: out.append(byte)
            default:
                out.append("\\x")
                out.append(ErrorLine.hexDigits.utf8Start[Int(byte >> 4)])
                out.append(ErrorLine.hexDigits.utf8Start[Int(byte & 15)])
            }
        }
    }
}

/// The present time as %t writes it, in local time.
enum LogTime {
    static func write(_ item: ErrorLogItem, _ out: inout ByteWriter, isJSON: Bool) {
        let now = Clock.now()
        var seconds = time_t(now / 1_000_000)
        var local = tm()
        localtime_r(&seconds, &local)
        let fraction = Int(now % 1_000_000)
        switch item.kind {
        case .timeByFormat: append(item.text, local, &out, isJSON: isJSON)
        case .timeOfRFC3339:
            append("%Y-%m-%dT%H:%M:%S.", local, &out)
            out.append(decimal: fraction, width: 6)
            appendZone(local, &out, separator: ":")
        default: write(item.timeStyle, local, fraction, &out)
        }
    }

    /// "Mon Nov 23 11:29:02.123456 2026", or "2026-11-23 11:29:02.123456" in the compact style.
    private static func write(_ style: ErrorLogItem.TimeStyle, _ local: tm, _ fraction: Int, _ out: inout ByteWriter) {
        let isCompact = style.contains(.compact)
        append(isCompact ? "%Y-%m-%d %H:%M:%S" : "%a %b %d %H:%M:%S", local, &out)
        if style.contains(.microseconds) {
            out.append(".")
            out.append(decimal: fraction, width: 6)
        } else if style.contains(.milliseconds) {
            out.append(".")
            out.append(decimal: fraction / 1000, width: 3)
        }
        if !isCompact { append(" %Y", local, &out) }
        guard style.contains(.zone) else { return }
        out.append(" ")
        appendZone(local, &out, separator: "")
    }

    private static func appendZone(_ local: tm, _ out: inout ByteWriter, separator: StaticString) {
        let minutes = abs(Int(local.tm_gmtoff) / 60)
        out.append(local.tm_gmtoff < 0 ? "-" : "+")
        out.append(decimal: minutes / 60, width: 2)
        out.append(separator)
        out.append(decimal: minutes % 60, width: 2)
    }

    private static func append(_ format: StaticString, _ local: tm, _ out: inout ByteWriter) {
        append(Bytes(format), local, &out, isJSON: false)
    }

    /// The format ends in a NUL.
    private static func append(_ format: Bytes, _ local: tm, _ out: inout ByteWriter, isJSON: Bool) {
        var local = local
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { text in
            let start = text.baseAddress.unsafelyUnwrapped
            let length = strftime(start, text.count, format.ptr.unsafelyUnwrapped, &local)
            let written = Bytes(UnsafeRawPointer(start), count: length)
            if isJSON { out.append(json: written) } else { out.append(written) }
        }
    }
}
