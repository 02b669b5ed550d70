import ModuleKit

/// A CustomLog, TransferLog or GlobalLog.
struct LogTarget: BitwiseCopyable {
    /// A file or "|command".
    var path = Bytes.none
    /// A format or the nickname of one; none: the server's default.
    var format = Bytes.none
    /// The environment variable that decides; none: every request is logged.
    var variable = Bytes.none
    /// Whether the variable must be absent.
    var isNegated = false
    /// What must hold; nil: nothing.
    var condition: Expression?
    /// "file:line" of the directive.
    var place = Bytes.none
}

/// A LogFormat with a nickname.
struct NamedFormat: BitwiseCopyable {
    let name: Bytes
    let format: Bytes
}

/// A target as the request path sees it.
struct ActiveLog: BitwiseCopyable {
    var target: LogTarget
    var format: LogFormat
    /// Set once the log is open.
    var sink: LogSink?
}

/// What a server logs, and how.
struct LogServerConf: Configuration {
    static let isInheritedWhole = true

    /// The server's own logs; a server without any uses those of the main server.
    var own = PoolArray<LogTarget>()
    /// GlobalLog: used by every server, whatever it has of its own.
    var global = PoolArray<LogTarget>()
    var formats = PoolArray<NamedFormat>()
    /// What TransferLog writes; none: the common log format.
    var defaultFormat = Bytes.none
    var isBuffered = false
    /// The logs of this server once the configuration has been read.
    var active = PoolArray<ActiveLog>()

    static var commonFormat: Bytes { Bytes("%h %l %u %t \"%r\" %>s %b") }

    func merged(
        over base: LogServerConf, settings: [(inout LogServerConf) -> Void], in pool: Pool
    ) -> LogServerConf {
        var merged = base
        if !own.isEmpty { merged.own = own }
        merged.formats = base.formats.joined(with: formats, in: pool)
        if defaultFormat.isSet { merged.defaultFormat = defaultFormat }
        return merged
    }

    /// The format that a nickname stands for, the last one given; any other text is a format itself.
    func format(for text: Bytes) -> Bytes {
        var found = text
        for named in formats.elements where named.name.equalsIgnoringCase(text) { found = named.format }
        return found
    }
}

/// Once the configuration is read: compiles what each server logs. Nicknames may be defined after their use.
func resolveLogs(of host: Host) throws {
    var compiled: [String: LogFormat] = [:]
    for server in host.servers {
        let conf = server.conf(LogServerConf.self)
        // A server without logs of its own has the main server's.
        if server.isVirtual, conf == host.mainServer.conf(LogServerConf.self) { continue }
        conf.pointee.active = PoolArray()
        for target in conf.pointee.own.joined(with: conf.pointee.global, in: host.pool).elements {
            let log = try activeLog(target, conf, host, &compiled)
            conf.pointee.active.append(log, in: host.pool)
        }
    }
}

/// - Parameter compiled: formats by their texts: many servers have one.
private func activeLog(
    _ target: LogTarget, _ conf: UnsafePointer<LogServerConf>, _ host: Host, _ compiled: inout [String: LogFormat]
) throws -> ActiveLog {
    let named = target.format.isSet ? target.format : conf.pointee.defaultFormat
    let text = named.isSet ? conf.pointee.format(for: named) : LogServerConf.commonFormat
    let key = text.string
    if let format = compiled[key], text.contains(UInt8(ascii: "%")) { return ActiveLog(target: target, format: format) }
    if !text.contains(UInt8(ascii: "%")), !LogFormat.isJSON(text) {
        host.report(
            .warn, place: target.place,
            "\"\(text.string)\" is the nickname of no LogFormat and has no % in it,"
                + " so every line will be these words")
    }
    do {
        let format = try LogFormat(text, host: host, in: host.pool)
        compiled[key] = format
        return ActiveLog(target: target, format: format)
    } catch {
        host.report(.error, place: target.place, (error as? FormatError)?.message ?? "\(error)")
        throw AlreadyReported()
    }
}

/// Opens the logs of all servers, or looks whether they could be; the host opens each target once.
func openLogs(of host: Host) throws {
    var hasFailed = false
    for server in host.servers {
        if server.isVirtual, server.conf(LogServerConf.self) == host.mainServer.conf(LogServerConf.self) { continue }
        for log in server.conf(LogServerConf.self).pointee.active.elements.indices {
            let active = server.conf(LogServerConf.self).pointee.active.elements
            do {
                active[log].sink = try host.sink(active[log].target.path)
            } catch {
                hasFailed = true
                host.report(.error, place: active[log].target.place, (error as? ModuleError)?.description ?? "\(error)")
            }
        }
    }
    if hasFailed { throw AlreadyReported() }
    if host.mainServer.conf(LogServerConf.self).pointee.isBuffered {
        host.log.write(
            .notice,
            "BufferedLogs has no effect here: lines are always gathered and written together when it is busy")
    }
}
