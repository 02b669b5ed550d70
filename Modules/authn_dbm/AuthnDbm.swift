import AuthKit
import DbmAuth
import ModuleKit

/// Knows users and passwords from database files.
final class AuthnDbm: Module {
    typealias DirConf = DbmFileConf

    static let info = ModuleInfo("authn_dbm_module", version: "1.0", requires: [APUS_EXT_PROVIDERS, APUS_EXT_FUNCTIONS])
    static let directives = dbmDirectives(
        file: "AuthDBMUserFile", help: "database of users and passwords", type: "AuthDBMType")

    init(_ host: Host) throws {
        _ = try UserProvider(host, "dbm", DbmUsers(host))
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    AuthnDbm.descriptor(for: host, named: name)
}
