import Glibc
import ModuleKit

/// The variables of a document: the request's environment, with what programs are told, and a few that are made when they are
/// asked for. Documents that are included share those of the one that includes them.
final class Variables {
    private let request: Request
    private let outer: Variables?
    /// What the last regular expression that matched found.
    var captures: Captures?
    var timeFormat: [UInt8]

    init(_ request: Request, inside outer: Variables?, timeFormat: Bytes) {
        self.request = request
        self.outer = outer
        self.timeFormat = Array(timeFormat.buffer)
        if let outer { takeEnvironment(of: outer.request) } else { addDocument() }
        addQuery()
    }

    // MARK: Made when they are asked for

    private static let computed: [StaticString] = ["DATE_LOCAL", "DATE_GMT", "LAST_MODIFIED", "USER_NAME"]

    private func computed(_ name: Bytes) -> [UInt8]? {
        let root = root
        if name.equalsIgnoringCase("DATE_LOCAL") { return formatted(time(nil), isLocal: true) }
        if name.equalsIgnoringCase("DATE_GMT") { return formatted(time(nil), isLocal: false) }
        if name.equalsIgnoringCase("LAST_MODIFIED") {
            return formatted(time_t(root.request.fileModified / 1_000_000), isLocal: true)
        }
        if name.equalsIgnoringCase("USER_NAME") { return Array(FileOwner.name(of: root.request.filename).utf8) }
        return nil
    }

    func formatted(_ seconds: time_t, isLocal: Bool) -> [UInt8] {
        var (seconds, parts) = (seconds, tm())
        if isLocal { localtime_r(&seconds, &parts) } else { gmtime_r(&seconds, &parts) }
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 1024) { room in
            let count = (timeFormat + [0]).withUnsafeBytes {
                strftime(room.baseAddress.unsafelyUnwrapped, room.count, $0.bindMemory(to: CChar.self).baseAddress!, &parts)
            }
            return Array(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(room)[..<count]))
        }
    }

    private var root: Variables { outer?.root ?? self }

    // MARK: The document's own

    /// Once for a document that is not included: what httpd puts into the environment of one.
    private func addDocument() {
        let environment = request.environment
        request.eachCGIVariable { environment[$0] = $1 }
        for name in Self.computed { environment[name] = nil }
        environment["DOCUMENT_URI"] = request.path
        environment["DOCUMENT_ARGS"] = request.query.isSet ? request.query : Bytes("")
        if !request.pathInfo.isEmpty { environment["DOCUMENT_PATH_INFO"] = request.pathInfo }
        let file = request.filename
        environment["DOCUMENT_NAME"] = file.isSet ? file.from((file.lastIndex(of: UInt8(ascii: "/")) ?? -1) + 1) : request.path
    }

    /// As in httpd, the directives that hold for a document that is included add nothing.
    private func takeEnvironment(of outer: Request) {
        let (environment, other) = (request.environment, outer.environment)
        environment.removeAll()
        for index in 0..<other.count {
            if let (name, value) = other.at(index) { environment.add(name, value) }
        }
    }

    /// That of a document that is included takes the place of the outer one's, also there.
    private func addQuery() {
        guard outer == nil ? request.query.isSet : !request.query.isEmpty else { return }
        if outer != nil { set(Bytes("QUERY_STRING"), request.query) }
        Coding.decodePercent(Array(request.query.buffer)).withBytes {
            set(Bytes("QUERY_STRING_UNESCAPED"), $0.shellSafe(in: request.pool))
        }
    }

    // MARK: Access

    /// A value in the request's memory, or longer-lived.
    func value(_ name: Bytes) -> Bytes? {
        if name.count == 1, name[0].isDigit { return captures?.group(Int(name[0] - 0x30)) }
        if let value = request.environment[spelling(of: name)] { return value }
        return computed(name).map { text in text.withBytes { request.pool.copy($0) } }
    }

    /// Names are compared without case, as httpd does; the environment itself tells them apart.
    private func spelling(of name: Bytes) -> Bytes {
        let environment = request.environment
        if environment[name] != nil { return name }
        for index in 0..<environment.count {
            if let (other, _) = environment.at(index), other.equalsIgnoringCase(name) { return other }
        }
        return name
    }

    /// For this document and all around it.
    func set(_ name: Bytes, _ value: Bytes) {
        request.environment[spelling(of: name)] = value
        outer?.set(name, value)
    }

    /// The times change with their format.
    func setTimeFormat(_ format: [UInt8]) {
        timeFormat = format
        for name in Self.computed.dropLast() {
            computed(Bytes(name))?.withBytes { set(Bytes(name), $0) }
        }
    }

    /// All of them, in the order in which they came.
    func each(_ body: (_ name: Bytes, _ value: Bytes) -> Void) {
        let environment = request.environment
        for index in 0..<environment.count {
            if let (name, value) = environment.at(index) { body(name, value) }
        }
        eachComputed(body)
    }

    /// Those that are not in the environment.
    func eachComputed(_ body: (_ name: Bytes, _ value: Bytes) -> Void) {
        for name in Self.computed where request.environment[Bytes(name)] == nil {
            computed(Bytes(name))?.withBytes { body(Bytes(name), $0) }
        }
    }
}

/// What a regular expression found: its groups, as `$0` … `$9`.
struct Captures {
    /// In the request's memory.
    var subject: Bytes
    /// Two numbers a group.
    var spans: [Int64]

    static let spanCount = 20

    func group(_ number: Int) -> Bytes? {
        guard number * 2 + 1 < spans.count, spans[number * 2] >= 0, spans[number * 2 + 1] >= spans[number * 2] else { return nil }
        return subject[Int(spans[number * 2])..<Int(spans[number * 2 + 1])]
    }
}

/// Names of the users that files belong to.
private enum FileOwner {
    static func name(of path: Bytes) -> String {
        var info = stat()
        guard let path = path.ptr, stat(path, &info) == 0 else { return "<unknown>" }
        return name(of: info.st_uid)
    }

    private static func name(of user: uid_t) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4096) { room in
            var (entry, found) = (passwd(), UnsafeMutablePointer<passwd>?.none)
            guard getpwuid_r(user, &entry, room.baseAddress!, room.count, &found) == 0, found != nil, let name = entry.pw_name
            else { return "<unknown>" }
            return String(cString: name)
        }
    }
}
