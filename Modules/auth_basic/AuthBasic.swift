import AuthKit
import ModuleKit

/// Asks for user names and passwords in the scheme Basic (RFC 7617).
final class AuthBasic: Module {
    typealias DirConf = AuthBasicConf

    static let info = ModuleInfo(
        "auth_basic_module", version: "1.0",
        requires: [
            APUS_EXT_PROVIDERS, APUS_EXT_FUNCTIONS, APUS_EXT_TASKS, APUS_EXT_EXPR, APUS_EXT_SHM, APUS_EXT_MUTEX,
        ])
    static let directives = authBasicDirectives

    init(_ host: Host) throws {
        let settings = AuthSettings()
        let throttle = Throttle(host)
        let basic = BasicAuthentication(host, settings, throttle)
        try host.hooks.optionalFunctions {
            settings.find(host)
            basic.findDefaultProvider()
        }
        try host.hooks.openConfig { reason, _ in
            if reason != APUS_OPEN_CHECK { try throttle.open() }
        }
        try host.hooks.noteAuthFailure(.middle) { request, type in
            guard type.equalsIgnoringCase("Basic") else { return .declined }
            basic.challenge(request)
            return .ok
        }
        try host.hooks.checkUserID(Order(.middle, flags: [.maySuspend, .explainable])) {
            try basic.authenticate($0)
        }
        try host.hooks.fixups(Order(.last, flags: .explainable), fakeCredentials)
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    AuthBasic.descriptor(for: host, named: name)
}
