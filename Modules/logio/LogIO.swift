import ModuleKit

/// `%^FB` of log formats: how long an answer's first byte took. The counts of bytes, `%I`, `%O` and `%S`, are log_config's.
final class LogIO: Module {
    typealias DirConf = LogIOConf

    static let info = ModuleInfo("logio_module", version: "1.0", requires: [APUS_EXT_PROVIDERS])
    static let directives = [
        Directive("LogIOTrackTTFB", .flag, in: .any, override: .any, help: "On or Off") {
            try $0.set(\LogIOConf.tracksFirstByte, $1)
        }
    ]

    init(_ host: Host) throws {
        try host.hooks.responseHead(Order(.last, flags: .explainable)) { request in
            guard request.confPointer(LogIOConf.self).pointee.tracksFirstByte else { return }
            let cell = request.pool.allocate(Int64.self)
            cell.initialize(to: max(0, host.clock - request.number(APUS_R_TIME_US)))
            request.slot = UnsafeMutableRawPointer(cell)
        }
        let item = apus_log_item_v1(
            size: UInt32(MemoryLayout<apus_log_item_v1>.size), flags: 0,
            value: { ctx, r, _ in
                let host = UnsafePointer<apus_host>(OpaquePointer(ctx.unsafelyUnwrapped))
                let request = Request(r.unsafelyUnwrapped, host: host)
                guard let slot = request.slot else { return .none }
                let time = slot.assumingMemoryBound(to: Int64.self).pointee
                return request.pool.compose(capacity: 20) { $0.append(decimal: time) }
            })
        try host.provide(
            APUS_GROUP_LOG_ITEM, "^FB", item, rawContext: UnsafeMutableRawPointer(mutating: UnsafeRawPointer(host.raw)))
    }
}

struct LogIOConf: Configuration {
    var tracksFirstByte = false
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    LogIO.descriptor(for: host, named: name)
}
