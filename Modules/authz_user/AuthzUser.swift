import ModuleKit

/// `Require user` and `Require valid-user`.
final class AuthzUser: Module {
    static let info = ModuleInfo("authz_user_module", version: "1.0", requires: [APUS_EXT_PROVIDERS, APUS_EXT_EXPR])

    init(_ host: Host) throws {
        try host.provideRequirement("user", parse: { try DirectiveWords($1, in: $0) }) { request, words in
            let user = request.user
            guard user.isSet else { return .needsUser }
            guard let names = words.values(request) else { return .failed }
            for name in names.elements where name == user { return .granted }
            report(host.log, request, user)
            return .denied
        }
        try host.provideRequirement("valid-user", parse: requireNothing) { request, _ in
            request.user.isSet ? .granted : .needsUser
        }
    }
}

private func requireNothing(_ command: Command, _ words: Bytes) throws -> UInt8 {
    if !words.isEmpty { command.warn("valid-user takes no further words: \"\(words.string)\" has no effect") }
    return 0
}

private func report(_ log: Log, _ request: Request, _ user: Bytes) {
    log.write(
        .error, code: "AH01663", request: request,
        "access to \(request.path.string) failed, reason: user '\(user.string)' is none of those that are required")
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    AuthzUser.descriptor(for: host, named: name)
}
