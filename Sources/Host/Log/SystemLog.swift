import ByteKit
import CSystem
import Glibc

/// The system's own log: syslog (RFC 3164, as glibc's syslog(3) speaks it) or systemd's journal, each a socket that takes a
/// datagram a message.
///
/// A line for it begins with a byte that tells its level: 1 is emerg, 8 is debug. A line without one is of level info.
struct SystemLog {
    /// As the directive names it: "syslog[:facility[:tag]]" or "journald[:tag]".
    let target: String
    private let isJournal: Bool
    private let facility: Int
    private let tag: String

    private static let facilities: [String: Int] = [
        "kern": 0, "user": 1, "mail": 2, "daemon": 3, "auth": 4, "syslog": 5, "lpr": 6, "news": 7, "uucp": 8, "cron": 9,
        "authpriv": 10, "ftp": 11, "local0": 16, "local1": 17, "local2": 18, "local3": 19, "local4": 20, "local5": 21,
        "local6": 22, "local7": 23,
    ]
    private static let standardFacility = "local7"
    static let facilityNames = facilities.keys.sorted().joined(separator: ", ")

    /// Nil: the target is no log of the system, or its facility is unknown (then `isMeant` tells).
    init?(_ target: String) {
        let parts = target.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
        let name = parts[0].asciiLowered
        guard name == "syslog" || name == "journald" else { return nil }
        isJournal = name == "journald"
        let facilityName = isJournal || parts.count < 2 || parts[1].isEmpty ? SystemLog.standardFacility : parts[1].asciiLowered
        guard let facility = SystemLog.facilities[facilityName] else { return nil }
        self.facility = facility
        let named = isJournal ? (parts.count > 1 ? parts[1] : "") : (parts.count > 2 ? parts[2] : "")
        tag = named.isEmpty ? "apus" : named
        self.target = target
    }

    /// Whether a target is one of the system's logs by its name, however the rest is.
    static func isMeant(by target: String) -> Bool {
        let name = target.prefix { $0 != ":" }.asciiLowered
        return name == "syslog" || name == "journald"
    }

    private var path: String { isJournal ? "/run/systemd/journal/socket" : "/dev/log" }

    func connect() throws(SystemProblem) -> Int32 {
        let fd = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard fd >= 0, let address = UnixAddress(path) else { throw SystemProblem(errno) }
        guard address.withSockaddr({ Glibc.connect(fd, $0, $1) }) == 0 else {
            let problem = SystemProblem(errno)
            close(fd)
            throw problem
        }
        return fd
    }

    /// Sends each line as a message. A log daemon that has been started anew is found again. False: something was lost.
    func send(_ lines: Bytes, _ fd: inout Int32) -> Bool {
        var rest = lines
        var isComplete = true
        while !rest.isEmpty {
            let end = rest.firstIndex(of: 0x0a) ?? rest.count
            if !sendOne(rest.upTo(end), &fd) { isComplete = false }
            rest = rest.from(min(end + 1, rest.count))
        }
        return isComplete
    }

    private func sendOne(_ line: Bytes, _ fd: inout Int32) -> Bool {
        guard let first = line.buffer.first else { return true }
        let isMarked = first >= 1 && first <= 8
        let text = isMarked ? line.from(1) : line
        let message = compose(text, level: isMarked ? Int(first) - 1 : 6)
        if Glibc.send(fd, message, message.count, Int32(MSG_NOSIGNAL)) >= 0 { return true }
        guard errno == ECONNREFUSED || errno == ENOTCONN || errno == ECONNRESET || errno == EBADF else { return false }
        guard let again = try? connect() else { return false }
        close(fd)
        fd = again
        return Glibc.send(fd, message, message.count, Int32(MSG_NOSIGNAL)) >= 0
    }

    private func compose(_ text: Bytes, level: Int) -> [UInt8] {
        let head: String
        if isJournal {
            head = "PRIORITY=\(level)\nSYSLOG_IDENTIFIER=\(tag)\nSYSLOG_PID=\(getpid())\nMESSAGE="
        } else {
            head = "<\(facility << 3 | level)>\(SystemLog.stamp())\(tag)[\(getpid())]: "
        }
        return Array(head.utf8) + Array(text.buffer) + (isJournal ? [0x0a] : [])
    }

    /// "Nov 23 11:29:02 "
    private static func stamp() -> String {
        var seconds = time(nil)
        var local = tm()
        localtime_r(&seconds, &local)
        var text = [CChar](repeating: 0, count: 32)
        strftime(&text, text.count, "%b %e %H:%M:%S ", &local)
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
