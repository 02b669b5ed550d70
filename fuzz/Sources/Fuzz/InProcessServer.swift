import ByteKit
import Glibc
import ModuleABI

@testable import Host

/// The server in this process, without sockets that others could reach: a site of a few files, and a client that is the
/// other end of a pair.
enum InProcessServer {
    static let file = (0..<1000).map { UInt8($0 % 251) }

    private static let config = """
        ServerName fuzz.example
        ErrorLog /dev/null
        Listen 127.0.0.1:1
        KeepAlive On
        LimitRequestBody 100000
        <Location /closed>
            SetHandler cgi-script
            ErrorDocument 500 /f.bin
            ErrorDocument 404 "text"
        </Location>
        <Location /slashes>
            AcceptPathInfo On
        </Location>
        """

    /// Configuration that a target wants besides, before the server starts; ROOT stands for the document root.
    nonisolated(unsafe) static var more = ""
    nonisolated(unsafe) static var moreFiles: [(name: String, content: [UInt8])] = []
    nonisolated(unsafe) private(set) static var root = ""

    nonisolated(unsafe) private static let listener = UnsafeMutablePointer<Listener>.allocate(capacity: 1)
    nonisolated(unsafe) private static var isRunning = false

    /// The line that loads a module that was built beside this program.
    static func load(_ module: String) -> String {
        let program = ProgramPath.find()
        let directory = program.prefix(upTo: program.lastIndex(of: "/") ?? program.startIndex)
        return "LoadModule \(module)_module \(directory)/libmod_\(module).so\n"
    }

    /// Starts it once.
    static func start() {
        guard !isRunning else { return }
        isRunning = true
        root = makeSite()
        guard let options = try? Options(arguments: ["-X", "-d", root, "-f", root + "/httpd.conf"]) else { fail("options") }
        let runtime = Runtime(options, Installation(), nil)
        runtime.configure()
        guard !runtime.diagnostics.hasErrors, let hosts = runtime.configuration.hosts else {
            fail(runtime.diagnostics.render())
        }
        let slot = WorkerSlot.Ref.allocate(capacity: 1)
        slot.initialize(to: WorkerSlot())
        Worker.install(Worker(runtime, hosts: hosts, slot: slot))
        LogSinks.gatherAlone()
        let address = runtime.configuration.listeners[0].address
        listener.initialize(to: Listener(fd: -1, address: address, isWildcard: false, backlog: 1))
    }

    /// In memory: targets write a file for each input.
    private static func makeSite() -> String {
        var template = Array("/dev/shm/apus-fuzz-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { fail("a directory") }
        let root = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let added = more.split(separator: "ROOT", omittingEmptySubsequences: false).joined(separator: root)
        write(root + "/httpd.conf", Array("\(config)\nDocumentRoot \(root)\n\(added)\n".utf8))
        write(root + "/f.bin", file)
        write(root + "/index.html", Array("index".utf8))
        write(root + "/empty", [])
        for file in moreFiles { write("\(root)/\(file.name)", file.content) }
        mkdir(root + "/dir", 0o755)
        write(root + "/dir/a b.txt", Array("text".utf8))
        return root
    }

    static func write(_ path: String, _ content: [UInt8]) {
        guard let out = fopen(path, "w") else { fail(path) }
        fwrite(content, 1, content.count, out)
        fclose(out)
    }

    private static func fail(_ what: String) -> Never {
        Program.complain("the server cannot be started: \(what)\n")
        exit(3)
    }

    /// What the server answers to all that a client ever sends, until it has closed.
    static func exchange(_ sent: Bytes, piece: Int = .max) -> [UInt8] {
        start()
        var pair: (Int32, Int32) = (-1, -1)
        withUnsafeMutablePointer(to: &pair) {
            $0.withMemoryRebound(to: Int32.self, capacity: 2) {
                _ = socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0, $0)
            }
        }
        let client = pair.0
        var answer: [UInt8] = []
        var rest = sent
        send(client, &rest, piece)
        Acceptor.begin(pair.1, listener.pointee.address, listener)
        while !rest.isEmpty, theWorker.pointee.connectionCount > 0 {
            send(client, &rest, piece)
            theWorker.pointee.loop.turn()
            answer += received(client)
        }
        shutdown(client, Int32(SHUT_WR))
        var patience = 1000
        while theWorker.pointee.connectionCount > 0, patience > 0 {
            theWorker.pointee.loop.turn()
            answer += received(client)
            patience -= 1
        }
        answer += received(client)
        close(client)
        demand(theWorker.pointee.connectionCount == 0, "a connection is still open when its client has gone")
        return answer
    }

    private static func send(_ fd: Int32, _ rest: inout Bytes, _ piece: Int) {
        guard !rest.isEmpty else { return }
        let count = Glibc.send(fd, rest.ptr, min(rest.count, piece), Int32(MSG_NOSIGNAL))
        if count > 0 { rest = rest.from(count) } else if count < 0, errno != EAGAIN { rest = Bytes("") }
    }

    private static func received(_ fd: Int32) -> [UInt8] {
        var all: [UInt8] = []
        withUnsafeTemporaryAllocation(byteCount: 65536, alignment: 1) { buffer in
            while true {
                let count = recv(fd, buffer.baseAddress, buffer.count, 0)
                guard count > 0 else { return }
                all += buffer[..<count]
            }
        }
        return all
    }

    /// A request that is on no connection's way, for what reads into one.
    static func withRequest(_ body: (Request.Ref) -> Void) {
        start()
        let conn = Connection.Ref.allocate(capacity: 1)
        conn.initialize(
            to: Connection(
                fd: -1, id: 0, listener: UnsafePointer(listener), server: theWorker.pointee.hosts.main,
                peer: listener.pointee.address, local: listener.pointee.address))
        let arena = Arena.make(nil)
        let r = arena.allocate(Request.self)
        r.initialize(to: Request(conn: conn, server: theWorker.pointee.hosts.main, arena: arena, startTime: 0))
        body(r)
        Arena.destroy(arena)
        conn.deinitialize(count: 1)
        conn.deallocate()
    }
}
