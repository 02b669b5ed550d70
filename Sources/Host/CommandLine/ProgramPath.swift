import Glibc

/// Where the binary lies: the name it was started by, so that another binary put in its place is found.
enum ProgramPath {
    static func find() -> String {
        var running = stat()
        guard stat("/proc/self/exe", &running) == 0 else { return CommandLine.arguments[0] }
        for candidate in candidates(CommandLine.arguments[0]) {
            var found = stat()
            if stat(candidate, &found) == 0, found.st_dev == running.st_dev, found.st_ino == running.st_ino { return candidate }
        }
        var target = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = readlink("/proc/self/exe", &target, target.count - 1)
        return length > 0 ? String(decoding: target[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self) : CommandLine.arguments[0]
    }

    private static func candidates(_ name: String) -> [String] {
        if name.hasPrefix("/") { return [name] }
        if name.contains("/") {
            guard let directory = getcwd(nil, 0) else { return [] }
            defer { free(directory) }
            return ["\(String(cString: directory))/\(name)"]
        }
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
        return path.split(separator: ":").map { "\($0)/\(name)" }
    }
}
