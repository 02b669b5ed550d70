import AuthKit
import DbmAuth
import DbmKit
import ModuleKit

/// `Require dbm-group` and `Require dbm-file-group` by database files: the key is the user, the value a list of groups with
/// commas, after the first colon when the database holds passwords, too.
final class AuthzDbm: Module {
    typealias DirConf = AuthzDbmConf

    static let info = ModuleInfo(
        "authz_dbm_module", version: "1.0",
        requires: [APUS_EXT_PROVIDERS, APUS_EXT_FUNCTIONS, APUS_EXT_TASKS, APUS_EXT_EXPR])
    static let directives = [
        Directive("AuthDBMGroupFile", .one, in: inSections, override: .auth, help: "database of users and their groups") {
            let path = $0.pool.copy($0.resolve($1[0]))
            $0.configuration(AuthzDbmConf.self).pointee.path = path
        },
        Directive("AuthzDBMType", .one, in: inSections, override: .auth, help: "default, DB, GDBM or SDBM") {
            guard let type = DbmType(name: $1[0]) else {
                throw DirectiveError("\"\($1.string(0))\" is none of default, DB, GDBM and SDBM")
            }
            $0.configuration(AuthzDbmConf.self).pointee.type = type
        },
    ]

    init(_ host: Host) throws {
        let groups = DbmGroups(host)
        let fileGroup = FileGroup()
        try host.hooks.optionalFunctions { fileGroup.find(host) }
        try host.provideRequirement(
            "dbm-group", parse: { try DirectiveWords($1, in: $0) },
            check: { request, words in
                guard request.user.isSet else { return .needsUser }
                guard let wanted = words.values(request) else { return .failed }
                return groups.decide(request) { own in wanted.elements.contains { own == $0 } }
            },
            later: { request, _ in groups.fetching(for: request) })
        try host.provideRequirement(
            "dbm-file-group", parse: { _, _ in UInt8(0) },
            check: { request, _ in
                guard request.user.isSet else { return .needsUser }
                let group = fileGroup.name(for: request)
                guard group.isSet else { return .denied }
                return groups.decide(request) { $0 == group }
            },
            later: { request, _ in groups.fetching(for: request) })
    }
}

private let inSections: Scopes = [.directory, .location, .files, .htaccess]

/// The database of a directory.
struct AuthzDbmConf: Configuration, BitwiseCopyable {
    var path = Bytes.none
    var type: DbmType?

    func merged(
        over base: AuthzDbmConf, settings: [(inout AuthzDbmConf) -> Void], in pool: Pool
    ) -> AuthzDbmConf {
        AuthzDbmConf(path: path.isSet ? path : base.path, type: type ?? base.type)
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    AuthzDbm.descriptor(for: host, named: name)
}
