import ModuleKit

/// Lets guests in who give a well-known name, and an address as their password.
final class AuthnAnon: Module {
    typealias DirConf = GuestConf

    static let info = ModuleInfo("authn_anon_module", version: "1.0", requires: [APUS_EXT_PROVIDERS])
    static let directives = guestDirectives

    init(_ host: Host) throws {
        let table = apus_authn_v1(
            size: UInt32(MemoryLayout<apus_authn_v1>.size), flags: 0,
            check_password: { context, r, user, password, _ in
                let host = UnsafePointer(context.unsafelyUnwrapped.assumingMemoryBound(to: apus_host.self))
                return checkGuest(Request(r.unsafelyUnwrapped, host: host), user, password)
            }, realm_hash: nil)
        try host.provide(
            APUS_GROUP_AUTHN, "anon", table, rawContext: UnsafeMutableRawPointer(mutating: host.raw))
    }
}

/// Who counts as a guest in a directory.
struct GuestConf: Configuration, BitwiseCopyable {
    enum Choice: UInt8, BitwiseCopyable {
        case unset, off, on

        func over(_ base: Choice) -> Choice { self == .unset ? base : self }
    }

    var names = PoolArray<Bytes>()
    var allNames = Choice.unset
    var noName = Choice.unset
    var mustGiveAddress = Choice.unset
    var verifiesAddress = Choice.unset
    var logsAddress = Choice.unset

    func merged(over base: GuestConf, settings: [(inout GuestConf) -> Void], in pool: Pool) -> GuestConf {
        var merged = self
        if names.isEmpty, allNames == .unset {
            merged.names = base.names
            merged.allNames = base.allNames
        }
        merged.noName = noName.over(base.noName)
        merged.mustGiveAddress = mustGiveAddress.over(base.mustGiveAddress)
        merged.verifiesAddress = verifiesAddress.over(base.verifiesAddress)
        merged.logsAddress = logsAddress.over(base.logsAddress)
        return merged
    }

    func isGuest(_ user: Bytes) -> Bool {
        if user.isEmpty { return noName == .on }
        if allNames == .on { return true }
        return names.elements.contains { $0.equalsIgnoringCase(user) }
    }

    func accepts(_ password: Bytes) -> Bool {
        if mustGiveAddress != .off, password.isEmpty { return false }
        guard verifiesAddress == .on else { return true }
        return password.contains(UInt8(ascii: "@")) && password.contains(UInt8(ascii: "."))
    }
}

private let inSections: Scopes = [.directory, .location, .files, .htaccess]

let guestDirectives: [Directive] = [
    Directive("Anonymous", .each, in: inSections, override: .auth, help: "user [user] …, or * for any") {
        let conf = $0.configuration(GuestConf.self)
        if $1[0] == "*" {
            conf.pointee.allNames = .on
        } else {
            conf.pointee.names.append($0.pool.copy($1[0]), in: $0.pool)
        }
    },
    choice("Anonymous_LogEmail", \.logsAddress),
    choice("Anonymous_MustGiveEmail", \.mustGiveAddress),
    choice("Anonymous_NoUserID", \.noName),
    choice("Anonymous_VerifyEmail", \.verifiesAddress),
]

private func choice(_ name: String, _ path: WritableKeyPath<GuestConf, GuestConf.Choice>) -> Directive {
    Directive(name, .flag, in: inSections, override: .auth, help: "On or Off") {
        $0.configuration(GuestConf.self).pointee[keyPath: path] = try Bool(word: $1[0]) ? .on : .off
    }
}

/// Whether the user is a guest, and has given what guests must give.
private func checkGuest(_ request: Request, _ user: Bytes, _ password: Bytes) -> apus_status {
    let conf = request.confPointer(GuestConf.self)
    guard !conf.pointee.names.isEmpty || conf.pointee.allNames == .on else { return APUS_AUTHN_NOT_FOUND }
    guard conf.pointee.isGuest(user) else { return APUS_AUTHN_NOT_FOUND }
    guard conf.pointee.accepts(password) else { return APUS_AUTHN_DENIED }
    if conf.pointee.logsAddress != .off, !request.isSubrequest, request.previous == nil {
        Log(host: request.host).write(
            .info, code: "AH01672", request: request, "Anonymous: Passwd <\(password.string)> Accepted")
    }
    return APUS_AUTHN_GRANTED
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    AuthnAnon.descriptor(for: host, named: name)
}
