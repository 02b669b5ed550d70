import ByteKit
import Glibc
import ModuleABI

/// apus/server.h
enum ServerExtension {
    static let table = apus_server_v1(
        size: Extensions.size(apus_server_v1.self), reserved: 0,
        get: { s, field in
            let server = server(s)
            return switch field {
            case APUS_S_NAME: server.pointee.name
            case APUS_S_DEFINED_IN: server.pointee.definedIn
            case APUS_S_DOCUMENT_ROOT: server.pointee.core.pointee.documentRoot
            case APUS_S_ADMIN: server.pointee.core.pointee.serverAdmin
            case APUS_S_PROTOCOLS: server.pointee.core.pointee.protocols.isSet ? server.pointee.core.pointee.protocols : Bytes("http/1.1")
            case APUS_S_ADDRESSES: addresses(server)
            default: .none
            }
        },
        number: { s, field in
            let server = server(s)
            return switch field {
            case APUS_S_PORT: Int64(server.pointee.port)
            case APUS_S_LINE: Int64(server.pointee.line)
            case APUS_S_IS_VIRTUAL: server.pointee.isVirtual ? 1 : 0
            case APUS_S_TIMEOUT_US: server.pointee.limits.timeout
            case APUS_S_INDEX: Int64(server.pointee.index)
            case APUS_S_HONORS_PROTOCOL_ORDER: server.pointee.core.pointee.honorsProtocolOrder == false ? 0 : 1
            default: 0
            }
        },
        first: { _ in Runtime.current?.mainServer?.handle },
        next: { s in server(s).pointee.next?.handle },
        conf: { s, host in
            let index = HostRecord.of(host).pointee.index
            // While the configuration is read a virtual host may have none of its own yet.
            return server(s).pointee.conf[index] ?? Runtime.current?.mainServer?.pointee.conf[index]
        },
        dir_conf: { s, host in server(s).pointee.dirConf.pointee.vector[HostRecord.of(host).pointee.index] },
        process: { _, fact in
            guard let runtime = Runtime.current else { return .none }
            return switch fact {
            case APUS_P_SERVER_ROOT: runtime.configuration.arena.copy(runtime.configuration.serverRoot)
            case APUS_P_VERSION: Bytes.immortal("\(Version.product)/\(Version.number)")
            default: .none
            }
        },
        process_number: { _, fact in
            switch fact {
            case APUS_P_WORKER: Int64(theWorkerIfAny?.pointee.index ?? -1)
            case APUS_P_WORKERS: Int64(Runtime.current?.workerCount ?? 1)
            case APUS_P_GENERATION: Int64(Runtime.current?.generation ?? 1)
            case APUS_P_NOW_US: theWorkerIfAny?.pointee.now ?? Clock.now()
            case APUS_P_CLOCK_US: Clock.now()
            case APUS_P_USER_ID: Int64(workersIdentity()?.user ?? geteuid())
            case APUS_P_GROUP_ID: Int64(workersIdentity()?.group ?? getegid())
            case APUS_P_REQUEST_TAIL: Runtime.current?.configuration.showsRequestTails == true ? 1 : 0
            case APUS_P_EXTENDED_STATUS: Runtime.current?.configuration.hasExtendedStatus == false ? 0 : 1
            case APUS_P_FAILED_RELOADS: ReloadRecord.current?.pointee.failed ?? 0
            default: 0
            }
        },
        is_defined: { _, name in Runtime.current?.defines.isDefined(name.string) == true ? 1 : 0 },
        each_module: { _, fn, arg in
            guard let fn, let runtime = Runtime.current else { return }
            for module in runtime.modules {
                let arena = Arena.make(nil)
                var fact = apus_module_fact(
                    size: Extensions.size(apus_module_fact.self), reserved: 0, name: arena.copy(module.name),
                    version: arena.copy(module.version), file: arena.copy(module.file), toolchain: arena.copy(module.toolchain))
                fn(arg, &fact)
                Arena.destroy(arena)
            }
        },
        pool: { _ in Runtime.current?.configuration.arena.handle })

    /// Whom the workers will run as; nil: as this process does.
    private static func workersIdentity() -> Identity.Identity? {
        guard geteuid() == 0, let configuration = Runtime.current?.configuration else { return nil }
        return try? Identity.wanted(configuration)
    }

    private static func addresses(_ server: Server.Ref) -> Bytes {
        guard let configuration = Runtime.current?.configuration else { return .none }
        let words = configuration.servers[Int(server.pointee.index)].addresses.map { address in
            let host = address.host.map { $0.contains(":") ? "[\($0)]" : $0 } ?? "*"
            return "\(host):\(address.port.map { String($0) } ?? "*")"
        }
        return configuration.arena.copy(words.joined(separator: " "))
    }

    private static func server(_ handle: OpaquePointer?) -> Server.Ref { Server.Ref(handle.unsafelyUnwrapped) }
}
