import ByteKit
import Glibc
import ModuleABI

/// apus/log.h
enum LogExtension {
    static let table = apus_log_v1(
        size: Extensions.size(apus_log_v1.self), reserved: 0,
        enabled: { host, level, r, c, s in
            ErrorLog.isEnabled(level, module: HostRecord.of(host).pointee.index, place(r, c, s)) ? 1 : 0
        },
        write: { host, level, code, r, c, s, message in write(host, level, code, place(r, c, s), message) },
        sink: { host, target in
            guard let runtime = Runtime.current else { return nil }
            let resolve = runtime.configuration.resolve
            do throws(SystemProblem) {
                let isCheck = runtime.options.opensNothing
                return OpaquePointer(isCheck ? try LogSinks.check(target.string, resolve: resolve) : try LogSinks.open(target.string, resolve: resolve))
            } catch {
                runtime.sinkProblem = "the log \(resolve(target.string)): \(error.description)"
                errno = error.code
                return nil
            }
        },
        append: { sink, lines in
            if let sink { LogSinks.append(LogSink.Ref(sink), lines) }
        },
        write_at: { host, level, code, r, c, s, message, file, line in
            write(host, level, code, place(r, c, s), message, ErrorMessage.SourcePlace(file, Int64(line)))
        },
        write_error: { host, level, code, r, c, s, message, file, line, error in
            write(host, level, code, place(r, c, s), message, ErrorMessage.SourcePlace(file, Int64(line)), error: error)
        })

    private static func write(
        _ host: UnsafePointer<apus_host>?, _ level: Int32, _ code: Bytes, _ place: ErrorLog.Place, _ text: Bytes,
        _ source: ErrorMessage.SourcePlace = .init(), error: Int32 = 0
    ) {
        guard ErrorLog.isEnabled(level, module: HostRecord.of(host).pointee.index, place) else { return }
        var name = LoadedModule.of(host).shortName
        name.withUTF8 {
            ErrorLog.write(
                ErrorMessage(
                    level: level, module: Bytes(UnsafeRawBufferPointer($0)), code: code, text: text, error: error, place: place, source: source))
        }
    }

    private static func place(_ r: OpaquePointer?, _ c: OpaquePointer?, _ s: OpaquePointer?) -> ErrorLog.Place {
        ErrorLog.Place(
            request: r.map { Request.Ref($0) }, connection: c.map { Connection.Ref($0) }, server: s.map { Server.Ref($0) })
    }
}
