import ModuleABI
public import ModuleKit

/// The names of clients, confirmed by looking their addresses up again; kept for a minute.
public final class ClientNames {
    public enum Finding {
        case name([UInt8])
        /// It has none, or its name is another's.
        case none
        /// It has to be looked up.
        case unknown
    }

    private let host: Host
    private var known = LookupCache<[UInt8], [UInt8]>(life: 60_000_000)

    public init(_ host: Host) { self.host = host }

    public func find(_ request: Request) -> Finding {
        guard let name = known.finding(Array(request.peerAddress.buffer), now: host.now) else { return .unknown }
        return name.isEmpty ? .none : .name(name)
    }

    /// The look-up of a client that is unknown.
    public func lookup(for request: Request) -> any DeferredWork {
        let peer = Array(request.peerAddress.buffer)
        return Lookup(IPAddress(request.peerAddress)) { [unowned self] name in
            self.known.note(peer, name, now: self.host.now)
        }
    }

    private final class Lookup: DeferredWork {
        private let address: IPAddress?
        private let note: ([UInt8]) -> Void
        private var name: [UInt8] = []

        init(_ address: IPAddress?, _ note: @escaping ([UInt8]) -> Void) {
            self.address = address
            self.note = note
        }

        func run() -> apus_status {
            if let address { name = NameLookup.confirmedName(of: address) }
            return APUS_OK
        }

        func finish(_ request: Request, _ answer: apus_status) { note(name) }
    }
}
