import Glibc
import ModuleKit

/// One server of a directive's list.
public struct RemoteAddress {
    public let host: String
    public let port: Int
    /// Host and port as they are written, for messages.
    public let text: String
    /// What the server wants to know first; nil: nothing.
    public let user: String?
    public let password: String?

    /// "host", "host:port", "[address]:port"; before it "password@" or "user:password@" where the kind of engine knows users.
    public init(_ written: String, standardPort: Int, kind: StaticString, knowsUsers: Bool) throws {
        let (credentials, text) = RemoteAddress.split(written, knowsUsers: knowsUsers)
        func malformed() -> DirectiveError {
            DirectiveError("\"\(text)\" is not a server; write \(kind):host[:port][,host[:port]…], with ports from 1 to 65535")
        }
        self.text = text
        let colon = credentials?.firstIndex(of: ":")
        let user = colon.flatMap { end in credentials.map { String($0[..<end]) } }
        self.user = user == "" ? nil : user
        password = credentials.map { text in colon.map { String(text[text.index(after: $0)...]) } ?? text }
        var rest = text[...]
        if rest.first == "[" {
            guard let end = rest.firstIndex(of: "]") else { throw malformed() }
            host = String(rest[rest.index(after: rest.startIndex)..<end])
            rest = rest[rest.index(after: end)...]
        } else {
            let end = rest.firstIndex(of: ":") ?? rest.endIndex
            host = String(rest[..<end])
            rest = rest[end...]
        }
        guard !host.isEmpty, !host.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7f }) else { throw malformed() }
        if rest.isEmpty {
            port = standardPort
        } else {
            guard rest.first == ":", let number = Int(rest.dropFirst()), 1...65535 ~= number else { throw malformed() }
            port = number
        }
    }

    /// A list with commas between.
    public static func list(
        _ text: Bytes, standardPort: Int, kind: StaticString, knowsUsers: Bool = false
    ) throws -> [RemoteAddress] {
        let words = text.string.split(separator: ",", omittingEmptySubsequences: true)
        guard !words.isEmpty else {
            throw DirectiveError("\(kind) caches need a list of servers: write \(kind):host[:port][,host[:port]…]")
        }
        return try words.map {
            try RemoteAddress(String($0), standardPort: standardPort, kind: kind, knowsUsers: knowsUsers)
        }
    }

    private static func split(_ written: String, knowsUsers: Bool) -> (credentials: String?, place: String) {
        guard knowsUsers, let at = written.lastIndex(of: "@") else { return (nil, written) }
        return (String(written[..<at]), String(written[written.index(after: at)...]))
    }

    /// The socket addresses of the name. May wait for a name server.
    func resolve() -> [SocketAddress] {
        var wanted = addrinfo()
        wanted.ai_socktype = Int32(SOCK_STREAM.rawValue)
        wanted.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, "\(port)", &wanted, &found) == 0 else { return [] }
        defer { freeaddrinfo(found) }
        var all: [SocketAddress] = []
        var next = found
        while let entry = next {
            if let address = entry.pointee.ai_addr { all.append(SocketAddress(address, entry.pointee.ai_addrlen)) }
            next = entry.pointee.ai_next
        }
        return all
    }
}

/// A socket address of any family.
struct SocketAddress {
    private var storage = sockaddr_storage()
    private let length: socklen_t

    init(_ address: UnsafePointer<sockaddr>, _ length: socklen_t) {
        self.length = min(length, socklen_t(MemoryLayout<sockaddr_storage>.size))
        memcpy(&storage, address, Int(self.length))
    }

    /// A socket that connects there and never blocks; below 0: errno says why not.
    func connect() -> Int32 {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(Int32(storage.ss_family), type, 0)
        guard descriptor >= 0 else { return -1 }
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        let status = withUnsafePointer(to: storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.connect(descriptor, $0, length) }
        }
        guard status == 0 || errno == EINPROGRESS else {
            let reason = errno
            close(descriptor)
            errno = reason
            return -1
        }
        return descriptor
    }
}
