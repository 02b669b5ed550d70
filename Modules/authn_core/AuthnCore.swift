import ModuleKit

/// What authentication of all kinds has in common: its type, its realm, and providers under other names.
final class AuthnCore: Module {
    typealias DirConf = AuthnDirConf

    static let info = ModuleInfo(
        "authn_core_module", version: "1.0",
        requires: [APUS_EXT_PROVIDERS, APUS_EXT_FUNCTIONS, APUS_EXT_CONFSET, APUS_EXT_EXPR])
    static let directives = authnDirectives

    init(_ host: Host) throws {
        try publishSettings(host)
        try host.hooks.checkUserID(Order(.last, flags: .explainable)) { authenticateNobody($0, log: host.log) }
    }
}

/// What is left when no module has said who the user is: without an AuthType nobody need be anybody.
private func authenticateNobody(_ request: Request, log: Log) -> Status {
    let type = request.confPointer(AuthnDirConf.self).pointee.type(for: request)
    guard type.isSet else { return .ok }
    log.write(
        .error, code: "AH01796", request: request,
        "AuthType \(type.string) is set, but no module is loaded that knows it")
    return .status(500)
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    AuthnCore.descriptor(for: host, named: name)
}
