import ByteKit
import Glibc

/// The error log: one line a message, as ErrorLogFormat says.
enum ErrorLog {
    /// Where lines go that belong to no server with a log of its own; nil: standard error.
    nonisolated(unsafe) static var standard: LogSink.Ref?
    /// The level before a configuration says otherwise, and -e's.
    nonisolated(unsafe) static var startupLevel: Int32 = LogLevel.warn.rawValue

    /// Writes a message of the host itself, when its level is on.
    static func write(
        _ level: LogLevel, code: StaticString, request: Request.Ref? = nil, connection: Connection.Ref? = nil,
        server: Server.Ref? = nil, error: Int32 = 0, file: StaticString = #fileID, line: UInt = #line, _ message: @autoclosure () -> String
    ) {
        let place = Place(request: request, connection: connection, server: server)
        guard isEnabled(level.rawValue, module: 0, place) else { return }
        var text = message()
        text.withUTF8 {
            write(
                ErrorMessage(
                    level: level.rawValue, module: Bytes("core"), code: Bytes(code), text: Bytes(UnsafeRawBufferPointer($0)),
                    error: error, place: place,
                    source: ErrorMessage.SourcePlace(Bytes(file), Int64(line))))
        }
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

    /// Writes a message, and before it the lines that the first message about its connection or request is preceded by.
    static func write(_ message: ErrorMessage) {
        if let request = message.place.request, request.pointee.isExplain {
            return Telling.tell(
                request,
                .message(module: message.module.string, level: message.level, code: message.code.string, text: message.text.string))
        }
        let server = message.place.aboutServer
        let sink = server?.pointee.errorLog ?? standard
        // A log of the system wants the level, which stands before the line.
        let isSystem = sink?.pointee.kind.isSystem == true
        let level = isSystem ? UInt8(clamping: min(message.level, LogLevel.debug.rawValue) + 1) : nil
        func write(_ format: ErrorLogFormat) {
            ErrorLine.compose(message, format, level: level) { emit($0, sink) }
        }
        let formats = (server ?? Runtime.current?.mainServer)?.pointee.core.pointee.errorLogFormats
        if let formats { eachFirst(message.place, formats, write) }
        write(formats?.main?.pointee ?? inherited ?? (isSystem ? .standardOfSystem : .standard))
    }

    /// In the supervisor, which reads no configuration: the format of the generation that serves.
    nonisolated(unsafe) private static var inherited: ErrorLogFormat?
    nonisolated(unsafe) private static var inheritedMemory: Arena.Ref?

    /// - Parameter format: as ErrorLogFormat has it; empty or nil: none.
    static func follow(_ format: String?) {
        let arena = Arena.make(nil)
        inherited = format.flatMap { $0.isEmpty ? nil : try? ErrorLogFormatReader.read(Array($0.utf8), in: arena) }
        if let inheritedMemory { Arena.destroy(inheritedMemory) }
        inheritedMemory = arena
    }

    private static func eachFirst(_ place: Place, _ formats: ErrorLogFormats, _ write: (ErrorLogFormat) -> Void) {
        if let lines = formats.connection, let conn = place.aboutConnection, conn.pointee.logID == 0 {
            _ = LogID.of(conn)
            lines.forEach(write)
        }
        if let lines = formats.request, let request = place.request, !LogID.original(request).pointee.logID.isSet {
            _ = LogID.of(request)
            lines.forEach(write)
        }
    }

    private static func emit(_ line: Bytes, _ sink: LogSink.Ref?) {
        guard let sink else {
            _ = Glibc.write(STDERR_FILENO, line.ptr, line.count)
            return
        }
        LogSinks.append(sink, line)
    }
}
