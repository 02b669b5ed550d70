import CSystem
import Glibc

/// `apus module run`: a server with nothing but the modules, which goes when it is no longer wanted.
enum RunModule {
    private static let usage = """
        Usage: apus module run [--config FILE] [--root DIRECTORY] [--keep] [FILE…] [-- COMMAND…]

        Serves on a free port of 127.0.0.1 with just these modules loaded, the directives of --config after them, and
        --root (an empty directory unless given) as DocumentRoot. With COMMAND it runs that and ends with its status;
        APUS_URL holds where the server is, APUS_LOG its error log. Without, it serves until Ctrl-C. Modules of the
        installation can be loaded in --config as modules/mod_NAME.so. --keep leaves the server's files.

        """

    /// For the handler of SIGTERM, which can capture nothing.
    nonisolated(unsafe) private static var server: pid_t = 0

    static func run(_ arguments: [String]) throws -> Int32 {
        let words = try Words(arguments, valued: ["--config", "--root"], flags: ["--keep"], usage: usage)
        guard !words.plain.isEmpty || words.values["--config"] != nil else { throw Problem(usage, status: Problem.usage) }
        let directory = try Files.temporaryDirectory("apus-run")
        defer {
            if words.flags.contains("--keep") { say("its files are in \(directory)\n") } else { Files.removeTree(directory) }
        }
        let (port, reservation) = try reservePort()
        defer { close(reservation) }
        let isQuiet = words.rest?.isEmpty == false
        try write(words, port, to: directory)
        let log = "\(directory)/logs/error_log"
        let output = isQuiet ? open("\(directory)/logs/console", O_WRONLY | O_CREAT | O_CLOEXEC, 0o644) : -1
        defer { if output >= 0 { close(output) } }
        server = try Programs.start(
            [Installation.server, "-DFOREGROUND", "-d", directory, "-f", "\(directory)/conf/httpd.conf"], output: output)
        // Ctrl-C reaches the server as well; both have to end in order.
        signal(SIGINT, SIG_IGN)
        signal(SIGTERM) { _ in kill(RunModule.server, SIGTERM) }
        guard waitUntilReady(directory, port) else {
            stop()
            throw Problem("the server did not start\n" + ((try? Files.text("\(directory)/logs/console")) ?? "") + ((try? Files.text(log)) ?? ""))
        }
        guard let command = words.rest, isQuiet else {
            say("http://127.0.0.1:\(port)/ serves with \(words.plain.map(Path.last).joined(separator: ", ")); Ctrl-C ends it\n")
            return Programs.wait(server)
        }
        let url = "http://127.0.0.1:\(port)"
        let status = try Programs.run(command, environment: ["APUS_URL": url, "APUS_PORT": "\(port)", "APUS_LOG": log])
        let ended = stop()
        if status != 0 || ended != 0 { complain((try? Files.text(log)) ?? "") }
        if ended != 0 { complain("the server ended with status \(ended)\n") }
        return status != 0 ? status : ended
    }

    @discardableResult
    private static func stop() -> Int32 {
        kill(server, SIGTERM)
        return Programs.wait(server)
    }

    /// A port that the kernel gives to nobody else as long as the socket is open. It never listens.
    private static func reservePort() throws -> (port: UInt16, socket: Int32) {
        let held = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var yes: Int32 = 1
        setsockopt(held, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = local(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(held, $0, length) == 0 && getsockname(held, $0, &length) == 0 }
        }
        guard held >= 0, status else { throw Problem("there is no free port: \(String(cString: strerror(errno)))") }
        return (UInt16(bigEndian: address.sin_port), held)
    }

    private static func local(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return address
    }

    private static func write(_ words: Words, _ port: UInt16, to directory: String) throws {
        for name in ["conf", "logs", "run", "htdocs"] { try Files.makeDirectory("\(directory)/\(name)") }
        symlink(Installation.modules, "\(directory)/modules")
        var text = """
            ServerRoot "\(directory)"
            PidFile "\(directory)/run/apus.pid"
            ServerName localhost
            Listen 127.0.0.1:\(port)
            DocumentRoot "\(words.values["--root"].map(Path.absolute) ?? "\(directory)/htdocs")"
            ServerLimit 1
            ErrorLog \(words.rest?.isEmpty == false ? "\"\(directory)/logs/error_log\"" : "/dev/stderr")

            """
        for file in words.plain {
            for name in try ModuleFile(file).namesOrAsk() { text += "LoadModule \(name) \"\(Path.absolute(file))\"\n" }
        }
        if let more = words.values["--config"] {
            guard Files.exists(more) else { throw Problem("there is no \(more)") }
            text += "Include \"\(Path.absolute(more))\"\n"
        }
        try Files.put(text, "\(directory)/conf/httpd.conf")
    }

    /// The pid file is written when workers serve.
    private static func waitUntilReady(_ directory: String, _ port: UInt16) -> Bool {
        for _ in 0..<3000 {
            var status: Int32 = 0
            if waitpid(server, &status, WNOHANG) == server { return false }
            if Files.exists("\(directory)/run/apus.pid") { return true }
            usleep(10_000)
        }
        return false
    }

}
