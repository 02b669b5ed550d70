import ByteKit
import Glibc
import ModuleABI

/// Mutex: how httpd's locks between processes are made. Here each lies in the shared memory that it guards, and is given free by
/// the kernel when its owner dies, whatever is said; so what is said is checked and noted.
enum MutexDirective {
    /// What a line may name: httpd's locks, of all its modules.
    static let types = [
        "authdigest-client", "authdigest-opaque", "authn-socache", "cache-socache", "default", "fcgid-pipe", "fcgid-proctbl",
        "heartbeat", "ldap-cache", "lua-ivm-shm", "mpm-accept", "proxy", "proxy-balancer-shm", "rewrite-map", "socache-dbm",
        "ssl-cache", "ssl-stapling", "ssl-stapling-refresh", "watchdog-callback",
    ]
    private static let mechanisms = ["default", "yes", "pthread", "sysvsem", "posixsem", "sem", "flock", "fcntl", "file"]

    static var entry: DirectiveEntry {
        CoreDirectives.directive(
            "Mutex", 1...APUS_MANY, in: APUS_IN_GLOBAL, "mechanism [name …] [OmitPID]"
        ) { context, words throws(DirectiveProblem) in
            let isNone = try checkMechanism(words[0], context)
            for word in words.dropFirst() { try checkType(word) }
            let names = words.dropFirst().filter { $0.text.lowercased() != "omitpid" }.map { $0.text.lowercased() }
            guard !isNone || names == ["mpm-accept"] else {
                throw DirectiveProblem(
                    "these locks cannot be done without", hint: "write default for none, or remove the line",
                    at: words[0].location)
            }
            context.builder.configuration.withoutEffect.append(
                ("Mutex", context.node.location, "each lock lies in the shared memory that it guards, and needs no file"))
        }
    }

    /// - Returns: whether there shall be no lock.
    private static func checkMechanism(_ word: Word, _ context: DirectiveContext) throws(DirectiveProblem) -> Bool {
        let text = word.text
        let colon = text.firstIndex(of: ":") ?? text.endIndex
        let name = text[..<colon].lowercased()
        if ["none", "no"].contains(name), colon == text.endIndex { return true }
        let hasPath = colon != text.endIndex
        guard mechanisms.contains(name), !hasPath || ["flock", "fcntl", "file"].contains(name) else {
            throw DirectiveProblem(
                "\(text) is no mechanism for locks",
                hint: "there are default, none, sem, posixsem, sysvsem, pthread, and flock, fcntl and file with :DIRECTORY",
                at: word.location)
        }
        guard hasPath else { return false }
        let path = context.builder.configuration.resolve(String(text[text.index(after: colon)...]))
        var info = stat()
        guard stat(path, &info) == 0, info.st_mode & S_IFMT == S_IFDIR else {
            throw DirectiveProblem("\(path) is no directory", hint: "create it, or correct the path", at: word.location)
        }
        return false
    }

    private static func checkType(_ word: Word) throws(DirectiveProblem) {
        let name = word.text.lowercased()
        guard name == "omitpid" || types.contains(name) else {
            throw DirectiveProblem(
                "there is no lock named \(word.text)", hint: "known are \(types.joined(separator: ", "))", at: word.location)
        }
    }
}
