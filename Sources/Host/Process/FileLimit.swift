import Glibc

/// How many files a process may have open.
enum FileLimit {
    /// The usual limit of 1024 is made for programs with a terminal, not for a server.
    static func raise() {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(resource, &limit) == 0 else { return }
        limit.rlim_cur = max(limit.rlim_cur, min(limit.rlim_max, 65536))
        setrlimit(resource, &limit)
    }
}
