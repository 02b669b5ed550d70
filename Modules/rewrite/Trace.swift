import ModuleKit

/// The lines of `LogLevel rewrite:trace1` … `trace8`: what the engine does, with the place of the rule that it is about.
struct Trace {
    private let log: Log
    private let request: Request
    private let directory: Bytes
    /// The highest trace level that is on; 0: none. Asked once, for there may be many lines.
    private let level: Int32

    init(_ log: Log, _ request: Request, directory: Bytes = .none) {
        self.log = log
        self.request = request
        self.directory = directory
        level = log.traceLevel(for: request)
    }

    @inline(__always)
    var isOn: Bool { level > 0 }

    /// A line of a level from 1 to 8.
    @inline(__always)
    func line(_ level: Int32, _ message: @autoclosure () -> String) {
        guard level <= self.level else { return }
        write(level, .none, message())
    }

    /// The same about a rule.
    @inline(__always)
    func line(_ level: Int32, _ rule: UnsafePointer<Rule>, _ message: @autoclosure () -> String) {
        guard level <= self.level else { return }
        write(level, rule.pointee.place, message())
    }

    /// The same about the directive at a place.
    @inline(__always)
    func line(_ level: Int32, at place: Bytes, _ message: @autoclosure () -> String) {
        guard level <= self.level else { return }
        write(level, place, message())
    }

    @inline(never)
    private func write(_ level: Int32, _ place: Bytes, _ message: String) {
        let scope = directory.isSet ? "[perdir \(directory.string)] " : ""
        let suffix = place.isSet ? " (\(place.string))" : ""
        let loudness = LogLevel(rawValue: LogLevel.debug.rawValue + level) ?? .trace8
        log.write(loudness, request: request, scope + message + suffix)
    }
}
