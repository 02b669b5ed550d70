import ModuleKit

/// Sends answers no faster than an environment variable allows.
final class RateLimit: Module {
    static let info = ModuleInfo("ratelimit_module", version: "1.0", requires: [APUS_EXT_FILTERS, APUS_EXT_TASKS])

    init(_ host: Host) throws {
        try host.outputFilter("RATE_LIMIT", stage: APUS_STAGE_FRAME, RateFilter.self)
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    RateLimit.descriptor(for: host, named: name)
}

/// Lets as much pass in a fifth of a second as the rate allows, after a burst that is free.
final class RateFilter: OutputFilter {
    /// Bytes a turn.
    private var share = 0
    private var burst = 0
    /// What may still pass in this turn.
    private var allowance = 0
    private var waiting: Chain?
    private var timer: UInt64 = 0

    private static let turn: UInt64 = 200_000

    init?(_ filter: Filter) {}

    func prepare(_ filter: Filter) -> Bool {
        let request = filter.request
        guard request.main == nil, let rate = kilobytes("rate-limit", request), rate > 0 else { return false }
        share = max(1, Int(rate * 1024 / 5))
        burst = Int(kilobytes("rate-initial-burst", request).map { $0 * 1024 } ?? 0)
        allowance = share
        waiting = Chain(in: request.pool)
        return true
    }

    private func kilobytes(_ name: StaticString, _ request: Request) -> Int64? {
        guard let value = request.environment[name]?.trimmed.decimal, value < 1 << 40 else { return nil }
        return value
    }

    func process(_ chain: Chain, _ filter: Filter) -> Status {
        guard let waiting else { return filter.pass(chain) }
        waiting.take(chain)
        let allowed = burst + allowance
        let piece = Chain(in: filter.request.pool)
        let before = waiting.length
        piece.take(waiting, atMost: allowed)
        let passed = Int(before - waiting.length)
        let fromBurst = min(passed, burst)
        burst -= fromBurst
        allowance -= passed - fromBurst
        if !waiting.isEmpty { piece.appendFlush() }
        let status = piece.isEmpty ? .ok : filter.pass(piece)
        guard status.rawValue >= 0, !waiting.isEmpty else { return status }
        return pause(filter) ? .suspended : .failed
    }

    private func pause(_ filter: Filter) -> Bool {
        guard timer == 0 else { return true }
        timer = (try? filter.request.connection.after(microseconds: Self.turn) { [self] in
            timer = 0
            allowance = share
            filter.resume()
        }) ?? 0
        return timer != 0
    }

    func end(_ filter: Filter) {
        if timer != 0 { Loop.cancel(timer) }
        timer = 0
    }
}
