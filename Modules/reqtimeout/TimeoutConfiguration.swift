@_spi(Draft) import ModuleKit

/// The limit of one phase; times in microseconds, 0: none.
struct Limit: BitwiseCopyable {
    var initial: Int64
    var maximum: Int64 = 0
    /// Bytes that earn a further second.
    var rate: Int64 = 0

    static func seconds(_ initial: Int64, to maximum: Int64 = 0, rate: Int64 = 0) -> Limit {
        Limit(initial: initial * 1_000_000, maximum: maximum * 1_000_000, rate: rate)
    }
}

/// The limits that a server sets itself; what it does not set is the main server's, or the standard.
struct TimeoutConf: Configuration {
    private var handshake: Limit?
    private var header: Limit?
    private var body: Limit?
    private var response: Limit?

    init() {}

    static let phases: [ClientPhase] = [.handshake, .header, .body, .response]

    /// httpd's; and for the answer, which httpd leaves to Timeout alone, at least some bytes a second.
    static func standard(_ phase: ClientPhase) -> Limit {
        switch phase.rawValue {
        case ClientPhase.header.rawValue: .seconds(20, to: 40, rate: 500)
        case ClientPhase.body.rawValue: .seconds(20, rate: 500)
        case ClientPhase.response.rawValue: .seconds(60, rate: 100)
        default: .seconds(0)
        }
    }

    subscript(phase: ClientPhase) -> Limit? {
        get { self[keyPath: TimeoutConf.path(phase)] }
        set { self[keyPath: TimeoutConf.path(phase)] = newValue }
    }

    private static func path(_ phase: ClientPhase) -> WritableKeyPath<TimeoutConf, Limit?> {
        switch phase.rawValue {
        case ClientPhase.header.rawValue: \.header
        case ClientPhase.body.rawValue: \.body
        case ClientPhase.response.rawValue: \.response
        default: \.handshake
        }
    }

    func merged(over base: TimeoutConf, settings: [(inout TimeoutConf) -> Void]) -> TimeoutConf {
        var merged = base
        for phase in TimeoutConf.phases { merged[phase] = self[phase] ?? base[phase] }
        return merged
    }
}
