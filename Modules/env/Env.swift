import ModuleKit

/// Sets variables of the request's environment, as they stand or as the server's own environment has them.
final class Env: Module {
    typealias DirConf = EnvironmentConf

    static let info = ModuleInfo("env_module", version: "1.0")
    static let directives = environmentDirectives

    init(_ host: Host) throws {
        try host.hooks.fixups(Order(.middle, flags: .explainable)) { request in
            let conf = request.confPointer(EnvironmentConf.self)
            for variable in conf.pointee.variables.elements where request.environment[variable.name] == nil {
                request.environment[variable.name] = variable.value
            }
            return .declined
        }
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    Env.descriptor(for: host, named: name)
}
