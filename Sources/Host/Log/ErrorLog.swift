import ByteKit
import CSystem
import Glibc
import ModuleABI

/// The error log: one line a message, in httpd's form.
enum ErrorLog {
    /// Where lines go that belong to no server with a log of its own; nil: standard error.
    nonisolated(unsafe) static var standard: LogSink.Ref?
    /// The level before a configuration says otherwise, and -e's.
    nonisolated(unsafe) static var startupLevel: Int32 = LogLevel.warn.rawValue

    /// Writes a message of the host itself, when its level is on.
    static func write(
        _ level: LogLevel, code: StaticString, request: Request.Ref? = nil, connection: Connection.Ref? = nil,
        server: Server.Ref? = nil, _ message: @autoclosure () -> String
    ) {
        let place = Place(request: request, connection: connection, server: server)
        guard isEnabled(level.rawValue, module: 0, place) else { return }
        var text = message()
        text.withUTF8 { write(level.rawValue, Bytes("core"), Bytes(code), place, Bytes(UnsafeRawBufferPointer($0))) }
    }

    /// What a message is about.
    struct Place {
        var request: Request.Ref?
        var connection: Connection.Ref?
        var server: Server.Ref?

        var aboutConnection: Connection.Ref? { connection ?? request?.pointee.conn }
        var aboutServer: Server.Ref? { server ?? request?.pointee.server ?? connection?.pointee.server }
    }

    static func isEnabled(_ level: Int32, module: Int, _ place: Place) -> Bool {
        // Who asks what happens to a request wants to hear everything.
        if let request = place.request, request.pointee.telling != .silent { return true }
        // Starts, stops and crashes are never left out: as in httpd, whatever LogLevel says.
        if level == LogLevel.notice.rawValue, place.request == nil, place.connection == nil { return true }
        if let request = place.request {
            // What the server's say has been merged with what those of the main one do.
            let levels = request.pointee.conf.pointee.core.pointee.logLevels ?? request.pointee.server.pointee.core.pointee.logLevels
            return level <= (levels?.pointee.level(of: module) ?? startupLevel)
        }
        if let levels = place.aboutServer?.pointee.core.pointee.logLevels { return level <= levels.pointee.level(of: module) }
        if let main = Runtime.current?.mainServer, let levels = main.pointee.core.pointee.logLevels {
            return level <= levels.pointee.level(of: module)
        }
        return level <= startupLevel
    }

    static func write(_ level: Int32, _ module: Bytes, _ code: Bytes, _ place: Place, _ message: Bytes) {
        if let request = place.request, request.pointee.isExplain {
            return Telling.tell(request, .message(module: module.string, level: level, code: code.string, text: message.string))
        }
        let bound = 512 + message.count * 4
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: bound) { buffer in
            var writer = ByteWriter(buffer.baseAddress.unsafelyUnwrapped, capacity: bound)
            let sink = place.aboutServer?.pointee.errorLog ?? standard
            if sink?.pointee.kind.isSystem == true {
                // A log of the system knows the time, and wants the level.
                writer.append(UInt8(clamping: min(level, LogLevel.debug.rawValue) + 1))
                writer.append("[")
            } else {
                composeTime(&writer)
                writer.append(" [")
            }
            writer.append(module)
            writer.append(":")
            writer.append(LogLevel.name(level))
            writer.append("] [pid ")
            writer.append(decimal: Int64(getpid()))
            writer.append("] ")
            if let conn = place.aboutConnection { composeClient(conn, &writer) }
            if !code.isEmpty {
                writer.append(code)
                writer.append(": ")
            }
            escape(message, &writer)
            writer.append(0x0a)
            emit(writer.written, sink)
        }
    }

    private static func emit(_ line: Bytes, _ sink: LogSink.Ref?) {
        guard let sink else {
            _ = Glibc.write(STDERR_FILENO, line.ptr, line.count)
            return
        }
        LogSinks.append(sink, line)
    }

    /// "[Mon Nov 23 11:29:02.123456 2026]" in local time.
    private static func composeTime(_ writer: inout ByteWriter) {
        let now = Clock.now()
        var seconds = time_t(now / 1_000_000)
        var local = tm()
        localtime_r(&seconds, &local)
        writer.append(0x5b)
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 40) { text in
            let length = strftime(text.baseAddress.unsafelyUnwrapped, 40, "%a %b %d %H:%M:%S.", &local)
            writer.append(Bytes(UnsafeRawPointer(text.baseAddress.unsafelyUnwrapped), count: length))
        }
        writer.append(decimal: Int(now % 1_000_000), width: 6)
        writer.append(0x20)
        writer.append(decimal: Int64(local.tm_year) + 1900)
        writer.append(0x5d)
    }

    private static func composeClient(_ conn: Connection.Ref, _ writer: inout ByteWriter) {
        writer.append("[client ")
        conn.pointee.peer.write(host: &writer)
        writer.append(0x3a)
        writer.append(decimal: Int64(conn.pointee.peer.port))
        writer.append("] ")
    }

    private static let hexDigits: StaticString = "0123456789abcdef"

    /// Nothing that a terminal could obey reaches the log.
    private static func escape(_ text: Bytes, _ writer: inout ByteWriter) {
        for byte in text.buffer {
            switch byte {
            case 0x0a: writer.append("\\n")
            case 0x0d: writer.append("\\r")
            case 0x09: writer.append("\\t")
            case 0x20...0x7e, 0x80...: writer.append(byte)
            default:
                writer.append("\\x")
                writer.append(hexDigits.utf8Byte(Int(byte >> 4)))
                writer.append(hexDigits.utf8Byte(Int(byte & 15)))
            }
        }
    }
}

extension StaticString {
    fileprivate func utf8Byte(_ index: Int) -> UInt8 { utf8Start[index] }
}
