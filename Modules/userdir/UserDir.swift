import Glibc
import ModuleKit

/// Paths of the form /~USER/… lead to a directory of that user.
final class UserDir: Module {
    typealias ServerConf = UserDirConf

    static let info = ModuleInfo("userdir_module", version: "1.0", requires: [APUS_EXT_SUBREQUEST, APUS_EXT_TASKS])
    static let directives: [Directive] = [
        Directive("UserDir", .many(1), in: .server, help: "directory …, or enabled or disabled with users") {
            try setUserDir($0, $1)
        }
    ]

    init(_ host: Host) throws {
        let homes = HomeDirectories()
        // Who a user is may take the system a while to find out: the first hook asks, the second uses the answer.
        try host.hooks.translateName(Order(.middle, flags: [.maySuspend, .explainable])) { try homes.prepare($0) }
        try host.hooks.translateName(Order(.middle, flags: .explainable)) { try translate($0, homes) }
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    UserDir.descriptor(for: host, named: name)
}

/// Where users keep their sites, and who may have one.
struct UserDirConf: Configuration {
    var places = PoolArray<Bytes>()
    var enabled = PoolArray<Bytes>()
    var disabled = PoolArray<Bytes>()
    /// `disabled` without names: nobody but those who are enabled.
    var isOff: Bool?

    func merged(over base: UserDirConf, settings: [(inout UserDirConf) -> Void], in pool: Pool) -> UserDirConf {
        UserDirConf(
            places: places.isEmpty ? base.places : places, enabled: enabled.isEmpty ? base.enabled : enabled,
            disabled: disabled.isEmpty ? base.disabled : disabled, isOff: isOff ?? base.isOff)
    }

    func allows(_ user: Bytes) -> Bool {
        if disabled.elements.contains(where: { $0 == user }) { return false }
        return isOff != true || enabled.elements.contains { $0 == user }
    }
}

private func setUserDir(_ command: Command, _ words: Arguments) throws {
    let conf = command.serverConfiguration(UserDirConf.self)
    let pool = command.pool
    func names(_ list: inout PoolArray<Bytes>) {
        for index in 1..<words.count { list.append(pool.copy(words[index]), in: pool) }
    }
    if words[0].equalsIgnoringCase("disabled") {
        if words.count == 1 { conf.pointee.isOff = true } else { names(&conf.pointee.disabled) }
    } else if words[0].equalsIgnoringCase("enabled") {
        guard words.count > 1 else { throw DirectiveError("\"enabled\" needs the names of users") }
        names(&conf.pointee.enabled)
    } else {
        var places = PoolArray<Bytes>()
        for index in 0..<words.count { places.append(pool.copy(words[index]), in: pool) }
        conf.pointee.places = places
        if conf.pointee.isOff == nil { conf.pointee.isOff = false }
    }
}

/// The user of /~USER/rest and the rest, with its slash; nil: the path has another form.
private func split(_ path: Bytes) -> (user: Bytes, rest: Bytes)? {
    guard path.hasPrefix("/~") else { return nil }
    let end = path.firstIndex(of: UInt8(ascii: "/"), from: 2) ?? path.count
    let user = path[2..<end]
    // What is no name must not reach the file system as one.
    guard !user.isEmpty, user != ".", user != "..", !user.contains(0) else { return nil }
    return (user, path.from(end))
}

private func translate(_ request: Request, _ homes: HomeDirectories) throws -> Status {
    let conf = request.serverConf(UserDirConf.self)
    guard !conf.pointee.places.isEmpty, let (user, rest) = split(request.path), conf.pointee.allows(user) else {
        return .declined
    }
    let places = conf.pointee.places
    for (index, place) in places.elements.enumerated() {
        let isLast = index == places.count - 1
        guard let target = target(place, user, rest, request, homes) else { continue }
        if target.isURL {
            request.headersOut["Location"] = target.path
            return .status(302)
        }
        // Of several places the first that is there counts.
        var info = stat()
        let directory = target.path.upTo(target.path.count - rest.count)
        guard isLast || stat(request.pool.copy(directory).ptr.unsafelyUnwrapped, &info) == 0 else { continue }
        request.filename = target.path
        return .ok
    }
    return .declined
}

private func target(
    _ place: Bytes, _ user: Bytes, _ rest: Bytes, _ request: Request, _ homes: HomeDirectories
) -> (path: Bytes, isURL: Bool)? {
    let isURL = place.firstIndex(of: UInt8(ascii: ":")).map { place.from($0).hasPrefix("://") } ?? false
    let star = place.firstIndex(of: UInt8(ascii: "*"))
    var before: Bytes
    var middle = Bytes("")
    var after = Bytes("")
    if let star {
        before = place.upTo(star)
        middle = user
        // As in httpd, what follows the name in a URL is the rest of the path alone.
        if !isURL { after = place.from(star + 1) }
    } else if place.hasPrefix("/") || isURL {
        before = place
        middle = request.pool.compose(capacity: user.count + 1) {
            if !place.hasSuffix(Bytes("/")) { $0.append("/") }
            $0.append(user)
        }
    } else {
        guard let home = homes.directory(of: user, for: request) else { return nil }
        before = home
        middle = Bytes("/")
        after = place
    }
    let path = request.pool.compose(capacity: before.count + middle.count + after.count + rest.count * 3) {
        $0.append(before)
        $0.append(middle)
        $0.append(after)
        if isURL { $0.append(escapingPath: rest) } else { $0.append(rest) }
    }
    return (path, isURL)
}

/// Home directories by user. What the system says is remembered for a while.
final class HomeDirectories {
    private struct Home {
        let directory: Bytes?
        let until: Int64
    }

    private var known: [String: Home] = [:]
    private static let lifetime: Int64 = 60
    private static let limit = 4096

    /// What a thread of the pool finds out.
    private final class Question: @unchecked Sendable {
        let user: String
        var directory: String?
        init(_ user: String) { self.user = user }
    }

    func prepare(_ request: Request) throws -> Status {
        let conf = request.serverConf(UserDirConf.self)
        guard let (user, _) = split(request.path), conf.pointee.allows(user), needsHome(conf), request.main == nil,
            !request.isExplain, fresh(user) == nil
        else { return .declined }
        let question = Question(user.string)
        let task = try request.suspend()
        request.slot = Unmanaged.passRetained(question).toOpaque()
        request.pool.onDestroy { Unmanaged.passUnretained(question).release() }
        task.runBlocking {
            question.directory = Self.ask(question.user)
            return .declined
        }
        return .suspended
    }

    private func needsHome(_ conf: UnsafePointer<UserDirConf>) -> Bool {
        conf.pointee.places.elements.contains {
            !$0.hasPrefix("/") && !$0.contains(UInt8(ascii: "*")) && !$0.contains(UInt8(ascii: ":"))
        }
    }

    private func fresh(_ user: Bytes) -> Home? {
        guard let home = known[user.string], home.until > Int64(time(nil)) else { return nil }
        return home
    }

    func directory(of user: Bytes, for request: Request) -> Bytes? {
        if let home = fresh(user) { return home.directory.map { request.pool.copy($0) } }
        var answer: String?
        if let slot = request.slot {
            answer = Unmanaged<Question>.fromOpaque(slot).takeUnretainedValue().directory
        } else {
            answer = Self.ask(user.string)
        }
        remember(user.string, answer)
        return answer.map { request.pool.copy($0) }
    }

    private func remember(_ user: String, _ directory: String?) {
        if known.count >= Self.limit {
            known.values.forEach { free(UnsafeMutableRawPointer(mutating: $0.directory?.ptr)) }
            known.removeAll()
        }
        free(UnsafeMutableRawPointer(mutating: known[user]?.directory?.ptr))
        let copy = directory.flatMap { strdup($0) }.map { Bytes(cString: $0) }
        known[user] = Home(directory: copy, until: Int64(time(nil)) + Self.lifetime)
    }

    private static func ask(_ user: String) -> String? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 16 << 10) { room in
            var entry = passwd()
            var found: UnsafeMutablePointer<passwd>?
            guard getpwnam_r(user, &entry, room.baseAddress.unsafelyUnwrapped, room.count, &found) == 0, found != nil else {
                return nil
            }
            return String(cString: entry.pw_dir)
        }
    }
}
