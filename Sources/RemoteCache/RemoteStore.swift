import ModuleKit

/// A cache in servers of their own, which other machines may share.
public final class RemoteStore: ObjectStore {
    private let host: Host
    private let language: any RemoteProtocol
    private let addresses: [RemoteAddress]
    private let times: () -> RemoteTimes
    private let channels: (any RemoteChannels)?
    private let ring: Ring
    private var name = ""
    private var sockets: [[SocketAddress]] = []
    /// Made in each worker when first needed.
    private var connections: [RemoteConnection] = []

    /// - Parameters:
    ///   - channels: what stands between connections and the wire; nil: nothing
    ///   - times: asked in the workers, when the whole configuration is known
    public init(
        _ host: Host, _ language: any RemoteProtocol, _ addresses: [RemoteAddress], channels: (any RemoteChannels)? = nil,
        times: @escaping () -> RemoteTimes
    ) {
        self.host = host
        self.language = language
        self.addresses = addresses
        self.channels = channels
        self.times = times
        ring = Ring(addresses.map { "\($0.host):\($0.port)" })
    }

    override public func open(_ name: Bytes, _ hints: ObjectHints, reason: UInt32) throws {
        self.name = name.string
        try channels?.open()
        sockets = addresses.map { $0.resolve() }
        for (address, found) in zip(addresses, sockets) where found.isEmpty {
            host.log.write(
                .warn, code: "APUS4033",
                "the \(language.name) server \(address.text) has no address; it is left out until a reload finds one")
        }
    }

    override public func store(_ id: Bytes, expires: Int64, _ data: Bytes) -> apus_status {
        guard data.count <= language.longestData, id.count <= language.longestData - data.count else { return APUS_E_TOO_BIG }
        let milliseconds = (expires - host.now) / 1000
        guard milliseconds > 0 else { return remove(id) }
        let value = language.wrap(data, id: id, expires: expires)
        return value.withUnsafeBytes { value in
            ask(.set(milliseconds: milliseconds, data: Bytes(value)), id, nil, nil) ? APUS_OK : APUS_E_IO
        }
    }

    override public func retrieve(
        _ id: Bytes, in pool: Pool, _ data: inout Bytes, _ done: apus_socache_done_fn?, _ context: UnsafeMutableRawPointer?
    ) -> apus_status {
        guard let done else { return APUS_E_INVALID }
        return ask(.get, id, done, context) ? APUS_SUSPENDED : APUS_E_NOT_FOUND
    }

    override public func remove(_ id: Bytes) -> apus_status { ask(.delete, id, nil, nil) ? APUS_OK : APUS_E_IO }

    private func ask(
        _ request: RemoteRequest, _ id: Bytes, _ done: apus_socache_done_fn?, _ context: UnsafeMutableRawPointer?
    ) -> Bool {
        if connections.isEmpty { connections = makeConnections() }
        let key = language.key(name, id: id)
        guard let server = ring.server(for: key, where: { connections[$0].isAble }) else { return false }
        return connections[server].ask(request, key: key, id: id, done: done, context: context)
    }

    private func makeConnections() -> [RemoteConnection] {
        let times = times()
        return zip(addresses, sockets).map { RemoteConnection(host, language, $0, $1, times, channels) }
    }

    override public func status(_ fact: (_ name: StaticString, _ value: String) -> Void) {
        fact("cache type", "\(language.name)")
        for (address, connection) in zip(addresses, connections) {
            let counters = connection.counters
            fact("server", address.text)
            fact("usable", connection.isAble ? "yes" : "no")
            fact("requests of this worker", "\(counters.requests)")
            fact("hits", "\(counters.hits)")
            fact("misses", "\(counters.misses)")
            fact("connections made", "\(counters.connections)")
            fact("failures", "\(counters.failures)")
            fact("refusals", "\(counters.refusals)")
        }
    }
}
