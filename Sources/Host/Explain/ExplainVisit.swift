import ByteKit
import CSystem
import Glibc
import ModuleABI

/// What `apus explain` has found out.
struct ExplainReport {
    let request: ExplainedRequest
    let peer: SocketAddress
    let local: SocketAddress
    let explanation: Explanation
    /// What the connection itself makes of the request; nil: nothing to tell.
    let remark: String?
    /// The head of the answer, line by line; empty: it is not known.
    let head: [String]
}

/// One request on one connection that exists within this process only.
final class ExplainVisit {
    private static let patience: Int64 = 30_000_000
    nonisolated(unsafe) private static var current: ExplainVisit?

    private let request: ExplainedRequest
    private let peer: SocketAddress
    private let local: SocketAddress
    private let conn: Connection.Ref
    private let client: Int32
    private let explanation = Explanation()
    private var remark: String?
    private var answer: [UInt8] = []
    private var isLate = false

    init(_ request: ExplainedRequest, from peer: SocketAddress, to local: SocketAddress) {
        self.request = request
        self.peer = peer
        self.local = local
        var ends: [Int32] = [-1, -1]
        socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0, &ends)
        client = ends[0]
        let listener = UnsafeMutablePointer<Listener>.allocate(capacity: 1)
        listener.initialize(to: Listener(fd: -1, address: local, isWildcard: false, backlog: 0))
        conn = Acceptor.take(ends[1], peer, listener)
        conn.pointee.localIsKnown = true
        conn.pointee.telling = .explained
        VirtualHosts.settle(conn)
        chooseByName()
    }

    /// As a client that speaks TLS chooses by SNI.
    private func chooseByName() {
        let host = Bytes.immortal(request.signedHost)
        guard request.url.isSecure, let entry = conn.pointee.entry, let order = entry.pointee.names.find(host) else { return }
        conn.pointee.server = entry.pointee.servers[order]
    }

    /// The server that requests for the host belong to.
    var server: Server.Ref {
        guard let entry = conn.pointee.entry, let order = entry.pointee.names.find(Bytes.immortal(request.signedHost)) else {
            return conn.pointee.server
        }
        return entry.pointee.servers[order]
    }

    func run() throws(OptionsError) -> ExplainReport {
        Explanation.current = explanation
        ExplainVisit.current = self
        var bytes = request.bytes
        // A head longer than the socket takes is longer than any server takes.
        guard write(client, &bytes, bytes.count) == bytes.count else { throw OptionsError("the request is too long") }
        let loop = theWorker.pointee.loop
        _ = loop.watch(client, UInt32(EPOLLIN.rawValue | EPOLLRDHUP.rawValue), Watch(fn: { _, _ in ExplainVisit.current?.hear() }, ctx: nil))
        let late: @convention(c) (UnsafeMutableRawPointer?) -> Void = { _ in
            ExplainVisit.current?.isLate = true
            theWorker.pointee.loop.isStopping = true
        }
        _ = loop.addTimer(TimerQueue.Timer(deadline: Clock.now() + ExplainVisit.patience, token: 0, fn: late, ctx: nil))
        Turn.run(conn) {
            settleTransport()
            conn.pointee.state = .head
            HTTP1.readable(conn)
        }
        loop.run()
        guard !isLate else { throw OptionsError("the request waits for something that has not come in \(ExplainVisit.patience / 1_000_000) seconds") }
        return ExplainReport(
            request: request, peer: peer, local: local, explanation: explanation, remark: remark,
            head: explanation.unknownHandler == nil ? head : [])
    }

    /// Asks the transports whether the connection would be theirs. Nothing is encrypted: there is no client to agree with.
    private func settleTransport() {
        let isOpen = Handshake.open(conn)
        let isSecure = conn.pointee.isSecure
        conn.pointee.transport = nil
        if !isOpen { remark = "the transport refuses the connection: the client sees it closed" }
        if isSecure, !request.url.isSecure {
            remark = "\(local) speaks TLS: a plain http request is answered with 400; what follows is for https"
        } else if !isSecure, request.url.isSecure {
            remark = "\(local) does not speak TLS (no SSLEngine on there): the client's handshake fails; what follows is for http"
        }
    }

    private func hear() {
        var room = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = read(client, &room, room.count)
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { break }
            if count > 0, answer.count < 1 << 20 { answer += room[..<count] }
            if count <= 0 || !head.isEmpty {
                theWorker.pointee.loop.isStopping = true
                break
            }
        }
    }

    /// The lines of the final answer's head, once it is complete.
    private var head: [String] {
        var rest = answer[...]
        while let end = rest.firstRange(ofBytes: [13, 10, 13, 10]) {
            let lines = rest[..<end].split(separator: 10).map { String(decoding: $0.filter { $0 != 13 }, as: UTF8.self) }
            if lines.first?.hasPrefix("HTTP/1.1 1") == true, lines.first?.hasPrefix("HTTP/1.1 101") == false {
                rest = rest[(end + 4)...]
                continue
            }
            return lines
        }
        return []
    }
}

extension ArraySlice where Element == UInt8 {
    /// Where the bytes first stand.
    fileprivate func firstRange(ofBytes wanted: [UInt8]) -> Int? {
        guard count >= wanted.count else { return nil }
        return (startIndex...(endIndex - wanted.count)).first { self[$0..<($0 + wanted.count)].elementsEqual(wanted) }
    }
}
