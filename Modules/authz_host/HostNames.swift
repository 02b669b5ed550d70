import AuthKit
import Glibc
import ModuleKit

/// `Require host` and `Require forward-dns`: by names, which have to be looked up.
func provideNames(_ host: Host) throws {
    let clients = ClientNames(host)
    try host.provideRequirement(
        "host", parse: { try names($0, $1, of: "host") },
        check: { request, words in
            switch clients.find(request) {
            case .unknown: return .later
            case .none:
                noteName(request, nil)
                return .denied
            case .name(let name):
                noteName(request, name)
                guard let domains = words.values(request) else { return .failed }
                return name.withUnsafeBytes { name in
                    for domain in domains.elements where NameLookup.isHost(Bytes(name), in: domain) { return .granted }
                    return .denied
                }
            }
        },
        later: { request, _ in clients.lookup(for: request) })

    let forward = ForwardLookups(host)
    try host.provideRequirement(
        "forward-dns", parse: { try names($0, $1, of: "forward-dns") },
        check: { request, words in
            guard let hosts = words.values(request) else { return .failed }
            noteAddress(request)
            guard let address = IPAddress(request.peerAddress) else { return .denied }
            for name in hosts.elements {
                guard let addresses = forward.find(name) else { return .later }
                if addresses.contains(address) { return .granted }
            }
            return .denied
        },
        later: { request, words in forward.lookup(words.values(request) ?? PoolArray()) })
}

private func noteName(_ request: Request, _ name: [UInt8]?) {
    Log(host: request.host).write(
        .debug, code: "APUS3110", request: request,
        name.map { "the client's name is \(String(decoding: $0, as: UTF8.self))" }
            ?? "the client's address \(request.peerAddress.string) has no name that leads back to it")
}

private func names(_ command: Command, _ words: Bytes, of requirement: String) throws -> DirectiveWords {
    let names = try DirectiveWords(words, in: command)
    guard !names.isEmpty else { throw DirectiveError("Require \(requirement) names no host") }
    return names
}

/// The addresses of names, for a few seconds: so that a change is noticed soon.
private final class ForwardLookups {
    private let host: Host
    private var known = LookupCache<[UInt8], [IPAddress]>(life: 10_000_000)

    init(_ host: Host) { self.host = host }

    func find(_ name: Bytes) -> [IPAddress]? { known.finding(Array(name.buffer), now: host.now) }

    /// The look-up of all that are not known.
    func lookup(_ names: PoolArray<Bytes>) -> any DeferredWork {
        let unknown = names.elements.filter { find($0) == nil }.map { Array($0.buffer) }
        return Lookup(unknown) { [unowned self] name, addresses in
            self.known.note(name, addresses, now: self.host.now)
        }
    }

    private final class Lookup: DeferredWork {
        private let names: [[UInt8]]
        private let note: ([UInt8], [IPAddress]) -> Void
        private var found: [[IPAddress]] = []

        init(_ names: [[UInt8]], _ note: @escaping ([UInt8], [IPAddress]) -> Void) {
            self.names = names
            self.note = note
        }

        /// Names that have not had their turn by then have no address, so that no number of them keeps a thread for ever.
        private static let patience = 10

        func run() -> apus_status {
            var now = timespec()
            clock_gettime(CLOCK_MONOTONIC, &now)
            let end = now.tv_sec + Lookup.patience
            for name in names {
                clock_gettime(CLOCK_MONOTONIC, &now)
                found.append(now.tv_sec < end ? NameLookup.addresses(of: name) : [])
            }
            return APUS_OK
        }

        func finish(_ request: Request, _ answer: apus_status) {
            for (name, addresses) in zip(names, found) { note(name, addresses) }
        }
    }
}
