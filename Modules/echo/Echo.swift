import ModuleABI.Draft
@_spi(Draft) import ModuleKit

/// Sends back what comes: a protocol of the simplest kind in the place of HTTP.
final class Echo: Module {
    typealias ServerConf = EchoConf

    static let info = ModuleInfo("echo_module", version: "1.0", requires: [APUS_EXT_UPGRADE])
    static let directives = [
        Directive("ProtocolEcho", .flag, in: .server, help: "On or Off") { try $0.set(server: \EchoConf.isOn, $1) }
    ]

    init(_ host: Host) throws {
        try host.hooks.processConnection(.middle) { connection in
            guard connection.server.conf(EchoConf.self).pointee.isOn else { return .declined }
            try connection.take(Echoing(connection))
            return .ok
        }
    }
}

struct EchoConf: Configuration {
    var isOn = false
}

private final class Echoing: ConnectionOwner {
    private let connection: Connection

    init(_ connection: Connection) { self.connection = connection }

    func receive(_ bytes: Bytes) -> Status {
        guard !bytes.isEmpty else {
            connection.close()
            return .ok
        }
        let status = connection.send(bytes)
        // A client that does not read has to wait before it sends more.
        if status == .again { connection.hold(true) }
        return status.rawValue < 0 ? status : .ok
    }

    func writable() -> Status {
        connection.hold(false)
        return .ok
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    Echo.descriptor(for: host, named: name)
}
