import ModuleKit

/// Decides by Require directives who may have what.
final class AuthzCore: Module {
    typealias DirConf = AuthzDirConf

    static let info = ModuleInfo(
        "authz_core_module", version: "1.0",
        requires: [APUS_EXT_CONFSET, APUS_EXT_EXPR, APUS_EXT_PROVIDERS, APUS_EXT_TASKS])
    static let directives = authzDirectives

    init(_ host: Host) throws {
        // The type of authentication in force, which another module knows; set once, before there are
        // requests.
        let authType = UnsafeMutablePointer<AuthTypeFinder>.allocate(capacity: 1)
        authType.initialize(to: AuthTypeFinder())

        let failure = AuthFailureHook(host)

        try provideOwnRequirements(host)
        try host.hooks.optionalFunctions { authType.pointee = AuthTypeFinder(host) }
        try host.hooks.accessEx(Order(.last, flags: [.maySuspend, .explainable])) {
            try authorizeUnnamed($0, authType: authType.pointee, log: host.log)
        }
        try host.hooks.authChecker(Order(.last, flags: [.maySuspend, .explainable])) {
            try authorizeUser($0, authType: authType.pointee, failure: failure, log: host.log)
        }
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    AuthzCore.descriptor(for: host, named: name)
}
