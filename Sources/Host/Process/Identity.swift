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

    /// The name of a user id; nil: it has none.
    private static func name(of user: uid_t) -> String? { getpwuid(user).map { String(cString: $0.pointee.pw_name) } }

    struct Identity {
        let user: uid_t
        let group: gid_t
        /// Whose supplementary groups it gets; nil: none, for a number without a name.
        let name: String?
    }

    /// Who the workers shall be. Throws why that cannot be.
    static func wanted(_ configuration: Configuration) throws(IdentityProblem) -> Identity {
        let userName = configuration.user ?? standardUser
        guard let uid = user(userName) else { throw IdentityProblem("there is no user \(userName)") }
        let groupName = configuration.group ?? standardGroup
        guard let gid = group(groupName) else { throw IdentityProblem("there is no group \(groupName)") }
        guard uid != 0 else {
            throw IdentityProblem("workers must not run as root: name an ordinary user with the User directive")
        }
        return Identity(user: uid, group: gid, name: name(of: uid))
    }

    /// What can be known before the workers try. [leader]
    static func check(_ configuration: Configuration) throws(IdentityProblem) {
        guard geteuid() == 0 else {
            guard configuration.chrootDirectory == nil else { throw IdentityProblem("ChrootDir needs a server that is started as root") }
            return
        }
        _ = try wanted(configuration)
        if let directory = configuration.chrootDirectory, !isDirectory(directory) {
            throw IdentityProblem("ChrootDir: \(directory) is no directory")
        }
    }

    private static func isDirectory(_ path: String) -> Bool {
        var info = stat()
        return stat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFDIR
    }

    /// Gives up root's rights for good. Nothing of them can come back, by a set-user-ID program neither.
    static func drop(_ configuration: Configuration) throws(IdentityProblem) {
        cs_set_no_new_privs()
        if geteuid() == 0 {
            let identity = try wanted(configuration)
            // Both ask files that may not be there after chroot.
            let groups = identity.name.map { initgroups($0, identity.group) } ?? setgroups(0, nil)
            guard setgid(identity.group) == 0, groups == 0 else { throw problem("become group \(identity.group)") }
            if let directory = configuration.chrootDirectory, chroot(directory) != 0 || chdir("/") != 0 {
                throw problem("change the root to \(directory)")
            }
            guard setuid(identity.user) == 0 else { throw problem("become user \(identity.user)") }
        }
        allowCoreDumps(configuration)
    }

    /// A crash leaves a core file only where the administrator wants one.
    private static func allowCoreDumps(_ configuration: Configuration) {
        guard let directory = configuration.coreDumpDirectory else { return }
        cs_set_dumpable(1)
        if chdir(directory) != 0 {
            let code = errno
            ErrorLog.write(
                .error, code: "AH00042", error: code, "CoreDumpDirectory: cannot change to \(directory): \(systemError(code))")
        }
    }

    private static func problem(_ what: String) -> IdentityProblem { IdentityProblem("cannot \(what): \(systemError(errno))") }
}

/// Why a process cannot become who it should be.
struct IdentityProblem: Error {
    let message: String
    init(_ message: String) { self.message = message }
}

/// Log files are opened with root's rights: whoever may write their directory could have root write elsewhere.
enum LogDirectories {
    static func warn(_ configuration: Configuration) {
        guard geteuid() == 0, let identity = try? Identity.wanted(configuration) else { return }
        var seen: Set<String> = []
        for path in LogSinks.filePaths + [configuration.pidFilePath] {
            let directory = path.directory
            guard directory != "/dev", seen.insert(directory).inserted, let reason = danger(directory, identity) else { continue }
            ErrorLog.write(
                .warn, code: "APUS1709",
                "the directory \(directory) is written by root, but \(reason): that user could make root write to any file. Give it to root: chown root \(directory); chmod 755 \(directory)")
        }
    }

    private static func danger(_ directory: String, _ identity: Identity.Identity) -> String? {
        var info = stat()
        guard stat(directory, &info) == 0 else { return nil }
        if info.st_mode & 0o002 != 0, info.st_mode & 0o1000 == 0 { return "everybody may write it" }
        if info.st_uid == identity.user, info.st_mode & 0o200 != 0 { return "the user of the workers may write it" }
        if info.st_gid == identity.group, info.st_mode & 0o020 != 0 { return "the group of the workers may write it" }
        return nil
    }
}
