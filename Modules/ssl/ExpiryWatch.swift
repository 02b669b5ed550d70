import Glibc
import ModuleKit

/// A certificate that a server shows, and when it ends.
struct ServedCertificate {
    let file: Located<String>
    /// Seconds since 1970.
    let end: Int

    /// So long before the end it is time to worry: certificates that are renewed by themselves are renewed earlier.
    private static let warningDays = 7
    private static let day = 86400

    /// What is wrong with it, or will be soon; nil: nothing.
    func problem(at now: Int) -> String? {
        let what = "SSLCertificateFile \(file.value): the certificate"
        if now >= end { return "\(what) expired on \(dayOfEnd); renew it" }
        guard end - now <= Self.warningDays * Self.day else { return nil }
        return "\(what) expires on \(dayOfEnd), in \((end - now) / Self.day) days; renew it"
    }

    /// When it is next warned of: once a day, from some days before the end on.
    func nextWarning(after now: Int) -> Int {
        let first = end - Self.warningDays * Self.day
        return now < first ? first : first + ((now - first) / Self.day + 1) * Self.day
    }

    private var dayOfEnd: String { Day.text(end) }
}

/// Warns of certificates that come to their end while the server is at work.
final class ExpiryWatch {
    private let host: Host
    private let process: UnsafeMutablePointer<TLSProcess>
    /// What was due up to here has been told.
    private var told = 0
    private static let leaseName = "expiry"
    /// Files change meanwhile, and clocks are set.
    private static let longestSleep = 3600

    init(_ host: Host, _ process: UnsafeMutablePointer<TLSProcess>) {
        self.host = host
        self.process = process
    }

    /// In a worker. What is wrong by now was told when the configuration was read.
    func start() {
        told = time(nil)
        sleep()
    }

    private func sleep() {
        guard let next = certificates.map({ $0.nextWarning(after: told) }).min() else { return }
        let seconds = min(max(next - time(nil), 1), ExpiryWatch.longestSleep)
        _ = try? Loop.after(microseconds: UInt64(seconds) * 1_000_000) { [self] in wake() }
    }

    private func wake() {
        let now = time(nil)
        // Every worker wakes, and one of them speaks.
        if host.holdsLease(ExpiryWatch.leaseName) {
            for certificate in certificates where certificate.nextWarning(after: told) <= now {
                guard let problem = certificate.problem(at: now) else { continue }
                host.log.write(.warn, code: "APUS3005", "\(problem) (\(certificate.file.location))")
            }
        }
        told = now
        sleep()
    }

    /// Those of all servers, each once.
    private var certificates: [ServedCertificate] {
        var seen: Set<String> = []
        return (0..<process.pointee.contextCount).compactMap { process.pointee.context($0) }
            .flatMap { $0.pointee.certificates }
            .filter { seen.insert($0.file.value).inserted }
    }
}

/// Days as 2026-12-31.
enum Day {
    static func text(_ seconds: Int) -> String {
        var time = time_t(seconds)
        var parts = tm()
        guard gmtime_r(&time, &parts) != nil else { return "an unknown day" }
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
    }
}
