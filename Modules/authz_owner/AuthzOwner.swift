import Glibc
import ModuleKit

/// `Require file-owner`, and the group of a file for `Require file-group`.
final class AuthzOwner: Module {
    static let info = ModuleInfo(
        "authz_owner_module", version: "1.0", requires: [APUS_EXT_PROVIDERS, APUS_EXT_FUNCTIONS])

    init(_ host: Host) throws {
        let names = AccountNames(host)
        try host.publish("authz_owner.file_group", "s(xR)", unsafeBitCast(fileGroup, to: apus_fn.self), context: names)
        try host.provideRequirement("file-owner", parse: { _, _ in UInt8(0) }) { request, _ in
            let user = request.user
            guard user.isSet else { return .needsUser }
            guard let owner = names.owner(of: request) else { return .denied }
            if owner == user { return .granted }
            names.report(
                request, "AH01642",
                "access to \(request.path.string) failed, reason: owner \(owner.string) of the file is not the user '\(user.string)'")
            return .denied
        }
    }
}

private let fileGroup: @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?) -> apus_str = { context, r in
    let names = Unmanaged<AccountNames>.fromOpaque(context.unsafelyUnwrapped).takeUnretainedValue()
    return names.group(of: Request(r.unsafelyUnwrapped, host: names.host.raw)) ?? .none
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    AuthzOwner.descriptor(for: host, named: name)
}
