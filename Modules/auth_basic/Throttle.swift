import AuthKit
import ModuleKit

/// AuthThrottle: who fails too often waits, and then is refused for a while.
///
/// Counted are the failures of an address for a user, and ten times as many of an address for all users, so that neither
/// many names nor many passwords help.
final class Throttle {
    /// What AuthThrottle says.
    struct Rule: BitwiseCopyable {
        /// Failures from which on one waits; twice as many: from which on one is refused. 0: off.
        var failures: Int64
        /// Seconds after the last failure.
        var window: Int64

        static let off = Rule(failures: 0, window: 0)
    }

    /// What becomes of a try.
    enum Verdict {
        case goesOn
        /// After so many microseconds.
        case waits(UInt64)
        /// For so many seconds.
        case refused(Int64)
    }

    /// Where a client is: its address, or the network of 64 bits that whoever has one address of IPv6 has all of.
    struct Place: BitwiseCopyable {
        let high, low: UInt64

        init(_ request: Request) {
            let address = IPAddress(request.peerAddress)
            high = address?.high ?? 0
            low = address.map { $0.isV4 || $0.isLoopback ? $0.low : 0 } ?? 0
        }
    }

    private static let usersOfAddress: Int64 = 10
    private static let second: Int64 = 1_000_000
    private static let longestWait: Int64 = 8

    private let host: Host
    private let table = FailureTable()

    init(_ host: Host) { self.host = host }

    func open() throws { try table.open(host) }

    func verdict(_ request: Request, _ user: Bytes, _ rule: Rule) -> Verdict {
        guard rule.failures > 0 else { return .goesOn }
        let place = Place(request)
        let now = host.now
        let own = table.failures(table.tag(place, user), now: now)
        let all = table.failures(table.tag(place, .none), now: now)
        let shared = (count: all.count / Throttle.usersOfAddress, until: all.until)
        let worse = own.count >= shared.count ? own : shared
        guard worse.count >= rule.failures else { return .goesOn }
        guard worse.count < rule.failures * 2 else {
            report(request, user, worse.count, "refused")
            return .refused(max(1, (worse.until - now) / Throttle.second))
        }
        report(request, user, worse.count, "delayed")
        return .waits(UInt64(min(1 << min(worse.count - rule.failures, 3), Throttle.longestWait) * Throttle.second))
    }

    func noteFailure(_ request: Request, _ user: Bytes, _ rule: Rule) {
        guard rule.failures > 0 else { return }
        let now = host.clock
        let until = now + rule.window * Throttle.second
        let place = Place(request)
        table.add(table.tag(place, user), now: now, until: until)
        table.add(table.tag(place, .none), now: now, until: until)
    }

    func noteSuccess(_ request: Request, _ user: Bytes, _ rule: Rule) {
        guard rule.failures > 0 else { return }
        table.forget(table.tag(Place(request), user), now: host.now)
    }

    /// One line a try, always of the same form: for programs such as fail2ban.
    private func report(_ request: Request, _ user: Bytes, _ count: Int64, _ what: String) {
        host.log.write(
            .warn, code: "APUS3120", request: request,
            "login of user \(user.string) \(what) after \(count) failures")
    }
}

/// AuthThrottle Off, or FAILURES [SECONDS]
func throttleRule(_ words: Arguments) throws -> Throttle.Rule {
    if words.count == 1, words[0].equalsIgnoringCase("off") { return .off }
    guard let failures = words[0].decimal, (1...1_000_000).contains(failures) else {
        throw DirectiveError("\"\(words.string(0))\" is neither Off nor a number of failures from 1 to 1000000")
    }
    guard words.count > 1 else { return Throttle.Rule(failures: failures, window: 300) }
    guard let window = words[1].decimal, (1...86_400).contains(window) else {
        throw DirectiveError("\"\(words.string(1))\" is not a number of seconds from 1 to 86400")
    }
    return Throttle.Rule(failures: failures, window: window)
}
