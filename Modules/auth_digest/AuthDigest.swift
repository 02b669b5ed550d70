import AuthKit
import ModuleKit

/// Asks for user names and passwords in the scheme Digest (RFC 7616).
final class AuthDigest: Module {
    typealias DirConf = DigestConf
    typealias ServerConf = DigestServerConf

    static let info = ModuleInfo(
        "auth_digest_module", version: "1.0",
        requires: [APUS_EXT_PROVIDERS, APUS_EXT_FUNCTIONS, APUS_EXT_SHM, APUS_EXT_MUTEX])
    static let directives = digestDirectives

    init(_ host: Host) throws {
        let settings = AuthSettings()
        let nonces = NonceTable()
        let digest = DigestAuthentication(host, settings, nonces)
        try host.hooks.optionalFunctions {
            settings.find(host)
            digest.findDefaultProvider()
        }
        try host.hooks.openConfig { reason, _ in
            guard reason != APUS_OPEN_CHECK else { return }
            try nonces.open(host, bytes: host.mainServer.conf(DigestServerConf.self).pointee.bytes)
        }
        try host.hooks.noteAuthFailure(.middle) { request, type in
            guard type.equalsIgnoringCase("Digest") else { return .declined }
            digest.challenge(request, isStale: false)
            return .ok
        }
        try host.hooks.checkUserID(Order(.middle, flags: .explainable)) { digest.authenticate($0) }
        try host.hooks.fixups(Order(.middle, flags: .explainable)) { digest.confirm($0) }
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    AuthDigest.descriptor(for: host, named: name)
}
