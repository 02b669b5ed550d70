import AuthKit
@_spi(Draft) import ModuleKit
import ProxyProtocol

/// The header of the PROXY protocol at the begin of a connection. What it says is kept with the connection, in its memory.
final class ProxyPreface: ConnectionPreface {
    private let host: Host

    init(_ host: Host) { self.host = host }

    /// What a connection's slot points to.
    struct Client: BitwiseCopyable {
        var address: Bytes
        var port: Int64
    }

    static func client(of connection: Connection) -> Client? {
        connection.slot?.assumingMemoryBound(to: Client.self).pointee
    }

    func isExpected(on connection: Connection) -> Bool {
        let conf = connection.server.conf(RemoteIPConf.self)
        guard let setting = conf.pointee.proxyProtocol, setting.isOn else { return false }
        guard !conf.pointee.exceptions.isEmpty, let peer = IPAddress(connection.peerAddress) else { return true }
        return !conf.pointee.exceptions.elements.contains { $0.contains(peer) }
    }

    func read(_ bytes: Bytes, _ connection: Connection) -> PrefaceOutcome {
        switch ProxyHeader.read(bytes) {
        case .more: return .more
        case .invalid(let problem):
            host.log.write(.error, code: "AH03507", connection: connection, problem.description)
            return .refused
        case .whole(let length, let source):
            keep(source, connection)
            return .whole(length)
        }
    }

    /// Without a source the client is who connected, whatever fields say.
    private func keep(_ source: ProxyHeader.Source?, _ connection: Connection) {
        let client = connection.pool.allocate(Client.self)
        connection.slot = UnsafeMutableRawPointer(client)
        guard let source else {
            return client.initialize(to: Client(address: connection.peerAddress, port: Int64(connection.peerPort)))
        }
        let address = connection.pool.compose(capacity: 48) { $0.append(address: source.address) }
        client.initialize(to: Client(address: address, port: Int64(source.port)))
        host.log.write(
            .debug, code: "AH03511", connection: connection,
            "the PROXY header names the client \(address.string), port \(source.port)")
    }
}

extension ProxyHeader.Problem {
    var description: String {
        let reason =
            switch self {
            case .noHeader: "there is none"
            case .malformedLine: "its line is malformed"
            case .invalidAddress: "an address in it is none"
            case .invalidPort: "a port in it is no number from 0 to 65535"
            case .unknownVersion: "it is neither of version 1 nor 2"
            case .unknownCommand: "its command is neither LOCAL nor PROXY"
            case .unknownFamily: "its addresses are not of TCP over IPv4 or IPv6"
            case .tooShort: "it has no room for the addresses it announces"
            case .tooLong: "it is too long"
            }
        return "a connection must begin with a PROXY header here, and \(reason); it is closed"
    }
}
