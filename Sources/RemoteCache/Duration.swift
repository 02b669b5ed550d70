import ModuleKit

extension RemoteTimes {
    private static let hour: Int64 = 3_600_000_000

    /// A directive for a time of up to an hour, such as "10min"; `set` gets microseconds. The cache is a global directive, so what
    /// counts is said outside of virtual hosts.
    public static func directive<Conf: Configuration>(
        _ name: String, _ help: String, _ path: WritableKeyPath<Conf, Int64> & Sendable
    ) -> Directive {
        Directive(name, .one, in: .server, help: help) { command, arguments in
            let value = try microseconds(arguments[0])
            if command.scopeKind == APUS_SCOPE_VHOST {
                command.warn("\(name) has no effect in a virtual host: caches are configured for the whole server")
            }
            command.updateServer { (conf: inout Conf) in conf[keyPath: path] = value }
        }
    }

    /// "10", "10s", "500ms", "10min", "1h".
    static func microseconds(_ word: Bytes) throws -> Int64 {
        let digits = word.buffer.prefix { $0.isDigit }.count
        let unit = word.from(digits)
        var scale: Int64?
        for (name, value) in units where unit.equalsIgnoringCase(name) { scale = value }
        guard let number = word.upTo(digits).decimal, let scale else {
            throw DirectiveError("\"\(word.string)\" is not a time; write a number with ms, s, min or h behind it, such as 15s")
        }
        let (value, isTooLarge) = number.multipliedReportingOverflow(by: scale)
        guard !isTooLarge, value <= hour else { throw DirectiveError("\"\(word.string)\" is longer than an hour; 0 means no limit") }
        return value
    }

    private static var units: [(StaticString, Int64)] {
        [("", 1_000_000), ("ms", 1000), ("s", 1_000_000), ("mi", 60_000_000), ("min", 60_000_000), ("h", hour)]
    }
}
