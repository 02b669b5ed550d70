import ByteKit
import ModuleABI

/// A request that nobody has sent and nobody gets the answer of: it goes through the phases up to fixups, where all is
/// decided but what the answer's bytes are. Internal redirects are followed.
///
/// Only hooks run that are marked as free of side effects; they see that `isExplain` is set, and what they would log is told
/// to `Explanation.current`.
enum DryRun {
    /// Who is said to have sent it.
    struct Sender {
        var address = here(port: 50000)
        var isSecure = false
    }

    private static func here(port: UInt16) -> SocketAddress {
        SocketAddress.resolve("127.0.0.1", port: port).first ?? .any(port: port, ipv4: true)
    }

    nonisolated(unsafe) private static let listener = UnsafeMutablePointer<Listener>.allocate(capacity: 1)

    /// Makes the process a worker that serves nobody. Once, when the configuration is complete.
    static func prepare(_ runtime: Runtime, _ hosts: HostTable) {
        let slot = WorkerSlot.Ref.allocate(capacity: 1)
        slot.initialize(to: WorkerSlot())
        Worker.install(Worker(runtime, hosts: hosts, slot: slot))
        listener.initialize(to: Listener(fd: -1, address: .any(port: 0, ipv4: true), isWildcard: false, backlog: 1))
    }

    /// - Parameters:
    ///   - head: the whole head, the empty line included.
    ///   - body: gets the request that took the place of all others, and how its phases ended.
    static func run(
        _ head: [UInt8], from sender: Sender, _ body: (_ last: Request.Ref, _ outcome: Phases.Outcome) -> Void
    ) throws(HeadProblem) {
        let conn = connect(sender)
        defer { disconnect(conn) }
        let arena = Arena.make(nil)
        let r = arena.allocate(Request.self)
        r.initialize(to: Request(conn: conn, server: conn.pointee.server, arena: arena, startTime: Clock.now()))
        r.pointee.telling = conn.pointee.telling
        r.pointee.epoch = theWorker.pointee.epochs.enter()
        conn.pointee.request = r
        defer { HTTP1.release(conn.pointee.request ?? r) }
        let text = head.withUnsafeBytes { arena.copy(Bytes($0)) }
        try RequestHead.parse(text, into: r)
        try HTTP1.settle(r)
        let outcome = followed(conn)
        body(conn.pointee.request ?? r, outcome)
    }

    /// Runs the phases of the connection's request, and of all that take its place.
    private static func followed(_ conn: Connection.Ref) -> Phases.Outcome {
        while let r = conn.pointee.request {
            var outcome = Phases.run(r, upTo: .fixups)
            if outcome == .finished { outcome = offerToHandlers(r) }
            if conn.pointee.request == r { return outcome }
        }
        return .finished
    }

    /// A handler that makes no answer, but another request of this one, may say so.
    private static func offerToHandlers(_ r: Request.Ref) -> Phases.Outcome {
        let hook = theWorker.pointee.phases[.handler]
        for link in UnsafeBufferPointer(start: hook.pointee.links, count: hook.pointee.count) {
            guard link.callback.module != 0, link.flags & APUS_HOOK_EXPLAINABLE != 0 else { continue }
            let status = Phases.invoke(link, r)
            if status == APUS_DECLINED { continue }
            return status == APUS_OK || status == APUS_DONE ? .answered : .failed(status)
        }
        return .finished
    }

    private static func connect(_ sender: Sender) -> Connection.Ref {
        let conn = Connection.Ref.allocate(capacity: 1)
        conn.initialize(
            to: Connection(
                fd: -1, id: 0, listener: UnsafePointer(listener), server: theWorker.pointee.hosts.main,
                peer: sender.address, local: here(port: sender.isSecure ? 443 : 80)))
        conn.pointee.isSecure = sender.isSecure
        conn.pointee.telling = .rehearsed
        // There is no descriptor that a loop could watch.
        conn.pointee.isInLoop = true
        VirtualHosts.settle(conn)
        return conn
    }

    private static func disconnect(_ conn: Connection.Ref) {
        if let arena = conn.pointee.arena { Arena.destroy(arena) }
        conn.deinitialize(count: 1)
        conn.deallocate()
    }
}
