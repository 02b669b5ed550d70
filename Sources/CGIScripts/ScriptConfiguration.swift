import ModuleKit

/// Where a server keeps what failing programs were given and said.
public struct ScriptServerConf: Configuration {
    /// Absolute; empty: nowhere.
    var log = Bytes.none
    var logLength: Int64 = -1
    var logBuffer: Int64 = -1

    public init() {}

    var effectiveLength: Int64 { logLength < 0 ? 10_385_760 : logLength }
    var effectiveBuffer: Int { logBuffer < 0 ? 1024 : Int(logBuffer) }

    public func merged(over base: ScriptServerConf, settings: [(inout ScriptServerConf) -> Void]) -> ScriptServerConf {
        var merged = self
        if !log.isSet { merged.log = base.log }
        if logLength < 0 { merged.logLength = base.logLength }
        if logBuffer < 0 { merged.logBuffer = base.logBuffer }
        return merged
    }
}

/// How long a program may be silent.
public struct ScriptDirConf: Configuration {
    /// Microseconds; 0: as long as Timeout says.
    var timeout: Int64 = -1

    public init() {}

    public func merged(over base: ScriptDirConf, settings: [(inout ScriptDirConf) -> Void]) -> ScriptDirConf {
        timeout < 0 ? base : self
    }
}

let scriptDirectives: [Directive] = [
    Directive("ScriptLog", .one, in: .server, help: "file for what failing programs were given and said") {
        $0.serverConfiguration(ScriptServerConf.self).pointee.log = $0.pool.copy($0.resolve($1[0]))
    },
    number("ScriptLogLength", "bytes of that file at most", \.logLength),
    number("ScriptLogBuffer", "bytes of a request body that are kept in it", \.logBuffer),
]

extension ScriptModule {
    /// CGIScriptTimeout or CGIDScriptTimeout.
    public static func timeout(_ name: String) -> Directive {
        Directive(name, .one, in: .any, help: "how long a program may be silent: NUMBER[ms|s|min]") {
            $0.configuration(ScriptDirConf.self).pointee.timeout = try duration($1[0])
        }
    }

    private static func duration(_ word: Bytes) throws -> Int64 {
        let text = word.string.lowercased()
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let units: [String: Int64] = [
            "": 1_000_000, "s": 1_000_000, "ms": 1000, "mi": 60_000_000, "min": 60_000_000, "h": 3_600_000_000,
        ]
        guard let number = Int64(digits), number < 1 << 32, let unit = units[String(text.dropFirst(digits.count))] else {
            throw DirectiveError("\"\(word.string)\" is no time: write a number with ms, s, min or h behind it")
        }
        return number * unit
    }
}

private func number(
    _ name: String, _ help: String, _ path: WritableKeyPath<ScriptServerConf, Int64>
) -> Directive {
    Directive(name, .one, in: .server, help: help) {
        guard let value = $1[0].decimal, value <= 1 << 40 else {
            throw DirectiveError("\"\($1[0].string)\" is no number of bytes")
        }
        $0.serverConfiguration(ScriptServerConf.self).pointee[keyPath: path] = value
    }
}
