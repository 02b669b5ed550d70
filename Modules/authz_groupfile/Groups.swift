import AuthKit
import Glibc
import ModuleKit

/// "group: user user …" becomes users with the groups they are in. [any thread]
private func readGroups(_ path: Bytes) -> FileReading<PairTable> {
    var faults = LineFile.Faults()
    var builder = PairTable.Builder()
    var user: [UInt8] = []
    let problem = LineFile.read(path, longest: longestLine, &faults) { line in
        var (group, users) = line.split(at: 0x3a)
        while users.takeQuotedWord(&user) {
            guard user.withUnsafeBytes({ builder.add(Bytes($0), group) }) else { return false }
        }
        return true
    }
    return FileReading(problem: problem, content: problem == 0 ? PairTable(builder) : nil, faults: faults)
}

/// Bytes of a line: a group may have many users.
private let longestLine = 16 << 20

/// Touched while the configuration is read, and by .htaccess files on the loop.
nonisolated(unsafe) let groupFiles = WatchedFiles<PairTable>(longestLine: longestLine, code: "APUS3102", parse: readGroups)

/// Decides by the groups of the user.
struct Groups {
    private let host: Host

    init(_ host: Host) { self.host = host }

    func decide(_ request: Request, _ wanted: UnsafeMutableBufferPointer<Bytes>) -> Decision {
        let user = request.user
        guard user.isSet else { return .needsUser }
        // Without a file the next module may know.
        guard let file = request.confPointer(GroupfileConf.self).pointee.file?.takeUnretainedValue() else { return .denied }
        switch file.look(host.now) {
        case .unread: return .later
        case .problem(let problem):
            report(request, "AH01664", error: problem, "cannot read the group file \(file.path.string): \(String(cString: strerror(problem)))")
            return .denied
        case .current:
            for group in wanted where isMember(user, of: group, file.content) { return .granted }
            report(
                request, "AH01667",
                "access to \(request.path.string) failed, reason: user '\(user.string)' is in none of the groups that are required")
            return .denied
        }
    }

    /// Names of groups are compared without case, as httpd does.
    private func isMember(_ user: Bytes, of group: Bytes, _ groups: PairTable?) -> Bool {
        groups?.first(user) { $0.equalsIgnoringCase(group) } != nil
    }

    func reading(for request: Request) -> any DeferredWork {
        GroupReading(request.confPointer(GroupfileConf.self).pointee.file?.takeUnretainedValue())
    }

    private func report(_ request: Request, _ code: StaticString, error: Int32 = 0, _ message: @autoclosure () -> String) {
        host.log.write(.error, code: code, request: request, error: error, message())
    }
}

/// Reads a large file on a pool thread.
private final class GroupReading: DeferredWork {
    private let file: WatchedFile<PairTable>?
    private var reading: FileReading<PairTable>?

    init(_ file: WatchedFile<PairTable>?) { self.file = file }

    func run() -> apus_status {
        reading = file?.read()
        return APUS_OK
    }

    func finish(_ request: Request, _ answer: apus_status) {
        if let reading { file?.install(reading) }
    }
}
