import Glibc
import ModuleKit

/// Names of the owners of files. What the system's database of accounts says is kept for a minute.
final class AccountNames {
    let host: Host
    private var users: [uid_t: Known] = [:]
    private var groups: [gid_t: Known] = [:]

    private struct Known {
        let name: [UInt8]?
        let until: Int64
    }

    private static let life: Int64 = 60_000_000
    private static let limit = 1024

    init(_ host: Host) { self.host = host }

    /// The name of the owner of the file that is asked for, in request memory; nil, logged: it is not known.
    func owner(of request: Request) -> Bytes? {
        guard let info = info(of: request) else { return nil }
        let name = find(info.st_uid, \.users) { AccountNames.userName($0) }
        guard let name else {
            report(request, "AH01640", "no account has the number \(info.st_uid), which owns the file")
            return nil
        }
        return copy(name, request)
    }

    /// The same for the group.
    func group(of request: Request) -> Bytes? {
        guard let info = info(of: request) else { return nil }
        let name = find(info.st_gid, \.groups) { AccountNames.groupName($0) }
        guard let name else {
            report(request, "AH01641", "no group has the number \(info.st_gid), which the file belongs to")
            return nil
        }
        return copy(name, request)
    }

    private func info(of request: Request) -> stat? {
        let filename = request.filename
        var info = stat()
        guard filename.isSet, !filename.contains(0) else {
            report(request, "AH01637", "there is no file whose owner could be known")
            return nil
        }
        let found = withUnsafeTemporaryAllocation(of: CChar.self, capacity: filename.count + 1) { path in
            memcpy(path.baseAddress!, filename.ptr, filename.count)
            path[filename.count] = 0
            return stat(path.baseAddress!, &info)
        }
        guard found == 0 else {
            let code = errno
            report(
                request, "AH01637", error: code, "the owner of \(filename.string) is not known: \(String(cString: strerror(code)))")
            return nil
        }
        return info
    }

    private func find<Number: Hashable>(
        _ number: Number, _ known: ReferenceWritableKeyPath<AccountNames, [Number: Known]>, _ look: (Number) -> [UInt8]?
    ) -> [UInt8]? {
        let now = host.now
        if let entry = self[keyPath: known][number], entry.until > now { return entry.name }
        if self[keyPath: known].count >= AccountNames.limit { self[keyPath: known].removeAll() }
        let name = look(number)
        self[keyPath: known][number] = Known(name: name, until: now + AccountNames.life)
        return name
    }

    private func copy(_ name: [UInt8], _ request: Request) -> Bytes {
        name.withUnsafeBytes { request.pool.copy(Bytes($0)) }
    }

    private static let room = 64 << 10

    private static func userName(_ number: uid_t) -> [UInt8]? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: room) { room in
            var entry = passwd()
            var found: UnsafeMutablePointer<passwd>?
            guard getpwuid_r(number, &entry, room.baseAddress!, room.count, &found) == 0, found != nil else { return nil }
            return Array(Bytes(cString: entry.pw_name).buffer)
        }
    }

    private static func groupName(_ number: gid_t) -> [UInt8]? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: room) { room in
            var entry = Glibc.group()
            var found: UnsafeMutablePointer<Glibc.group>?
            guard getgrgid_r(number, &entry, room.baseAddress!, room.count, &found) == 0, found != nil else { return nil }
            return Array(Bytes(cString: entry.gr_name).buffer)
        }
    }

    func report(_ request: Request, _ code: StaticString, error: Int32 = 0, _ message: @autoclosure () -> String) {
        host.log.write(.error, code: code, request: request, error: error, message())
    }
}
