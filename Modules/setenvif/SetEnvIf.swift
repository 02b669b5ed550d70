import ModuleKit

/// Sets variables of the request's environment by what the request is like.
final class SetEnvIf: Module {
    typealias ServerConf = ConditionsConf
    typealias DirConf = ConditionsConf

    static let info = ModuleInfo("setenvif_module", version: "1.0", requires: [APUS_EXT_EXPR, APUS_EXT_REGEX])
    static let directives = conditionDirectives

    init(_ host: Host) throws {
        // What stands outside sections is known before the file is looked for; the rest, when it has been found. A
        // sub-request has the variables of the request that asks for it.
        try host.hooks.postReadRequest(Order(.middle, flags: .explainable)) { request in
            apply(request.serverConf(ConditionsConf.self), to: request, isEarly: true)
            return .declined
        }
        try host.hooks.headerParser(Order(.middle, flags: .explainable)) { request in
            apply(request.confPointer(ConditionsConf.self), to: request, isEarly: false)
            return .declined
        }
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    SetEnvIf.descriptor(for: host, named: name)
}
