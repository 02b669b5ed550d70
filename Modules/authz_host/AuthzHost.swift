import AuthKit
import ModuleKit

/// `Require ip`, `host`, `forward-dns` and `local`: by where the client is.
final class AuthzHost: Module {
    static let info = ModuleInfo(
        "authz_host_module", version: "1.0", requires: [APUS_EXT_PROVIDERS, APUS_EXT_TASKS, APUS_EXT_EXPR])

    init(_ host: Host) throws {
        try provideAddresses(host)
        try provideNames(host)
    }
}

/// `Require ip` and `Require local`.
private func provideAddresses(_ host: Host) throws {
    try host.provideRequirement("ip", parse: addressRanges) { request, ranges in
        noteAddress(request)
        guard let address = IPAddress(request.peerAddress) else { return .denied }
        for range in ranges.elements where range.contains(address) { return .granted }
        return .denied
    }
    try host.provideRequirement("local", parse: requireNothing) { request, _ in
        noteAddress(request)
        guard let address = IPAddress(request.peerAddress) else { return .denied }
        if address.isLoopback { return .granted }
        return address == IPAddress(request.connection.localAddress) ? .granted : .denied
    }
}

/// What has been looked at, for who reads on why a requirement says what it says.
func noteAddress(_ request: Request) {
    Log(host: request.host).write(
        .debug, code: "APUS3109", request: request, "the client's address is \(request.peerAddress.string)")
}

private func addressRanges(_ command: Command, _ words: Bytes) throws -> PoolArray<Subnet> {
    var ranges = PoolArray<Subnet>()
    for word in words.arguments(in: command.pool).elements {
        do throws(Subnet.Problem) {
            ranges.append(try Subnet(word), in: command.pool)
        } catch {
            switch error {
            case .noAddress:
                throw DirectiveError("\"\(word.string)\" is no IP address; names are for \"Require host\"")
            case .invalid(let reason): throw DirectiveError(reason)
            }
        }
    }
    guard !ranges.isEmpty else { throw DirectiveError("Require ip names no address, such as 192.0.2.0/24") }
    return ranges
}

private func requireNothing(_ command: Command, _ words: Bytes) throws -> UInt8 {
    guard words.isEmpty else { throw DirectiveError("Require local takes no further words") }
    return 0
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    AuthzHost.descriptor(for: host, named: name)
}
