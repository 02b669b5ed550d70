import CSystem
import Glibc

/// Users and groups, and becoming one.
enum Identity {
    static let standardUser = "nobody"
    static let standardGroup = "nogroup"

    /// The id of a user by name, or by `#number`.
    static func user(_ name: String) -> uid_t? {
        if name.hasPrefix("#") { return uid_t(name.dropFirst()) }
        return getpwnam(name).map { $0.pointee.pw_uid }
    }

    static func group(_ name: String) -> gid_t? {
        if name.hasPrefix("#") { return gid_t(name.dropFirst()) }
        return getgrnam(name).map { $0.pointee.gr_gid }
    }

    /// Gives up root's rights for good. Nothing happens in a process that has none. Throws what went wrong.
    static func drop(user name: String?, group groupName: String?) throws(IdentityProblem) {
        cs_set_no_new_privs()
        guard geteuid() == 0 else { return }
        let userName = name ?? standardUser
        guard let uid = user(userName) else { throw IdentityProblem("there is no user \(userName)") }
        let wantedGroup = groupName ?? standardGroup
        guard let gid = group(wantedGroup) else { throw IdentityProblem("there is no group \(wantedGroup)") }
        guard uid != 0 else {
            throw IdentityProblem("workers must not run as root: name an ordinary user with the User directive")
        }
        guard setgid(gid) == 0, initgroups(userName.hasPrefix("#") ? standardUser : userName, gid) == 0, setuid(uid) == 0 else {
            throw IdentityProblem("cannot become \(userName): \(systemError(errno))")
        }
    }
}

/// Why a process cannot become who it should be.
struct IdentityProblem: Error {
    let message: String
    init(_ message: String) { self.message = message }
}
