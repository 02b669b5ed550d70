import AuthKit
import DbmAuth
import DbmKit
import ModuleKit

/// Knows users and passwords from database files.
final class AuthnDbm: Module {
    typealias DirConf = AuthnDbmConf

    static let info = ModuleInfo("authn_dbm_module", version: "1.0", requires: [APUS_EXT_PROVIDERS, APUS_EXT_FUNCTIONS])
    static let directives = [
        Directive("AuthDBMUserFile", .one, in: inSections, override: .auth, help: "database of users and passwords") {
            let path = $0.pool.copy($0.resolve($1[0]))
            $0.configuration(AuthnDbmConf.self).pointee.path = path
        },
        Directive("AuthDBMType", .one, in: inSections, override: .auth, help: "default, DB, GDBM or SDBM") {
            guard let type = DbmType(name: $1[0]) else {
                throw DirectiveError("\"\($1.string(0))\" is none of default, DB, GDBM and SDBM")
            }
            $0.configuration(AuthnDbmConf.self).pointee.type = type
        },
    ]

    init(_ host: Host) throws {
        let provider = try DbmProvider(host)
        try host.provide(APUS_GROUP_AUTHN, "dbm", DbmProvider.table, context: provider)
    }
}

private let inSections: Scopes = [.directory, .location, .files, .htaccess]

/// The database of a directory.
struct AuthnDbmConf: Configuration, BitwiseCopyable {
    var path = Bytes.none
    var type: DbmType?

    func merged(
        over base: AuthnDbmConf, settings: [(inout AuthnDbmConf) -> Void], in pool: Pool
    ) -> AuthnDbmConf {
        AuthnDbmConf(path: path.isSet ? path : base.path, type: type ?? base.type)
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    AuthnDbm.descriptor(for: host, named: name)
}
