import ModuleABI.Draft
@_spi(Draft) import ModuleKit

/// Bounds how long clients may take: for the handshake, a request's head and body, and for taking the answer.
final class ReqTimeout: Module {
    typealias ServerConf = TimeoutConf

    static let info = ModuleInfo("reqtimeout_module", version: "1.0", requires: [APUS_EXT_TIMEOUTS])
    static let directives = [
        Directive(
            "RequestReadTimeout", .many(1), in: .server,
            help: "handshake=|header=|body=|response= TIMEOUT[-MAXIMUM][,MinRate=RATE] …"
        ) { command, words in
            for index in 0..<words.count {
                let (phase, limit) = try TimeoutWord.read(words[index])
                command.serverConfiguration(TimeoutConf.self).pointee[phase] = limit
            }
        }
    ]

    init(_ host: Host) throws {
        try host.hooks.openConfig { _, _ in
            for server in host.servers {
                let conf = server.conf(TimeoutConf.self).pointee
                for phase in TimeoutConf.phases {
                    let limit = conf[phase] ?? TimeoutConf.standard(phase)
                    try server.limit(phase, initial: limit.initial, maximum: limit.maximum, rate: limit.rate)
                }
            }
        }
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    ReqTimeout.descriptor(for: host, named: name)
}
