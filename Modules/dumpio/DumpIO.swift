@_spi(Draft) import ModuleKit

/// Writes what connections carry into the error log, at level trace7: after decryption, and before encryption.
final class DumpIO: Module {
    typealias ServerConf = DumpIOConf

    static let info = ModuleInfo("dumpio_module", version: "1.0", requires: [APUS_EXT_PROVIDERS])
    static let directives = [
        Directive("DumpIOInput", .flag, in: .server, help: "On or Off") { try $0.set(server: \DumpIOConf.input, $1) },
        Directive("DumpIOOutput", .flag, in: .server, help: "On or Off") { try $0.set(server: \DumpIOConf.output, $1) },
    ]

    init(_ host: Host) throws { try host.provideTap("dumpio", Dump(host)) }
}

struct DumpIOConf: Configuration {
    var input = false
    var output = false
}

private final class Dump: ConnectionTap {
    private let host: Host
    /// Lines are cut, so that none is longer than the error log takes.
    private static let lineLength = 4096

    init(_ host: Host) { self.host = host }

    private func conf(_ connection: Connection) -> DumpIOConf { connection.server.conf(DumpIOConf.self).pointee }

    func wants(_ connection: Connection) -> Bool {
        let conf = conf(connection)
        return (conf.input || conf.output) && host.log.isEnabled(.trace7, connection: connection)
    }

    func received(_ bytes: Bytes, _ connection: Connection) {
        if conf(connection).input { write("dumpio_in", bytes, connection) }
    }

    func sent(_ bytes: Bytes, _ connection: Connection) {
        if conf(connection).output { write("dumpio_out", bytes, connection) }
    }

    private func write(_ direction: StaticString, _ bytes: Bytes, _ connection: Connection) {
        guard !bytes.isEmpty else {
            return host.log.write(.trace7, connection: connection, "mod_dumpio:  \(direction) (metadata-EOS): 0 bytes")
        }
        host.log.write(.trace7, connection: connection, "mod_dumpio:  \(direction) (data-HEAP): \(bytes.count) bytes")
        let capacity = Self.lineLength + 64
        withUnsafeTemporaryAllocation(byteCount: capacity, alignment: 1) { room in
            for start in stride(from: 0, to: bytes.count, by: Self.lineLength) {
                var line = ByteWriter(room.baseAddress.unsafelyUnwrapped, capacity: capacity)
                line.append("mod_dumpio:  ")
                line.append(direction)
                line.append(" (data-HEAP): ")
                line.append(bytes[start..<min(start + Self.lineLength, bytes.count)])
                host.log.write(.trace7, connection: connection, bytes: line.written)
            }
        }
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    DumpIO.descriptor(for: host, named: name)
}
