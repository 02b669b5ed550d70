public import ByteKit
public import ModuleABI

/// How loud a line is, as LogLevel names it.
public enum LogLevel: Int32, Sendable {
    /// From the loudest on.
    case emerg = 0, alert, crit, error, warn, notice, info, debug
    /// For whoever looks into the module itself.
    case trace1, trace2, trace3, trace4, trace5, trace6, trace7, trace8
}

/// The error log, seen from a module.
public struct Log: Sendable {
    nonisolated(unsafe) let host: UnsafePointer<apus_host>

    /// The log as a module's own.
    public init(host: UnsafePointer<apus_host>) { self.host = host }

    /// Whether a line at this level would be written.
    public func isEnabled(_ level: LogLevel, request: Request? = nil, connection: Connection? = nil) -> Bool {
        logTable.pointee.enabled(host, level.rawValue, request?.raw, connection?.raw, nil) != 0
    }

    /// Writes a line when the level is on; the message is made only then. An `error` that it is about is an errno.
    public func write(
        _ level: LogLevel, code: StaticString = "", request: Request? = nil, connection: Connection? = nil,
        server: Server? = nil, error: Int32 = 0, file: StaticString = #fileID, line: UInt = #line, _ message: @autoclosure () -> String
    ) {
        let r = request?.raw
        let c = connection?.raw
        let s = server?.raw
        guard logTable.pointee.enabled(host, level.rawValue, r, c, s) != 0 else { return }
        var text = message()
        text.withUTF8 {
            logTable.pointee.write_error(
                host, level.rawValue, Bytes(code), r, c, s, Bytes(UnsafeRawBufferPointer($0)), Bytes(file), UInt32(clamping: line), error)
        }
    }

    /// The same for a message that is bytes of any kind; the host escapes what a terminal could obey.
    public func write(_ level: LogLevel, connection: Connection, bytes: Bytes) {
        logTable.pointee.write(host, level.rawValue, Bytes(""), nil, connection.raw, nil, bytes)
    }

    /// The highest of the levels trace1 … trace8 that is on for a request, as a number from 1 to 8; 0: none.
    public func traceLevel(for request: Request) -> Int32 {
        var level: Int32 = 0
        while level < 8, logTable.pointee.enabled(host, LogLevel.trace1.rawValue + level, request.raw, nil, nil) != 0 {
            level += 1
        }
        return level
    }

    /// Writes a line at level error.
    public func error(
        _ message: @autoclosure () -> String, request: Request? = nil, file: StaticString = #fileID, line: UInt = #line
    ) {
        write(.error, request: request, file: file, line: line, message())
    }

    /// Writes a line at level warn.
    public func warn(
        _ message: @autoclosure () -> String, request: Request? = nil, file: StaticString = #fileID, line: UInt = #line
    ) {
        write(.warn, request: request, file: file, line: line, message())
    }
}

/// A log target that lines are appended to: a file or a pipe.
public struct LogSink: @unchecked Sendable, BitwiseCopyable {
    /// The handle, for functions of apus/log.h that have no face here.
    public let raw: OpaquePointer

    /// Appends whole lines, each ending in a newline.
    public func append(_ lines: Bytes) { logTable.pointee.append(raw, lines) }
}
