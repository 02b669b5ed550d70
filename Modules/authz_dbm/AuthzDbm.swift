import AuthKit
import DbmAuth
import ModuleKit

/// `Require dbm-group` and `Require dbm-file-group` by database files: the key is the user, the value a list of groups with
/// commas, after the first colon when the database holds passwords, too.
final class AuthzDbm: Module {
    typealias DirConf = DbmFileConf

    static let info = ModuleInfo(
        "authz_dbm_module", version: "1.0",
        requires: [APUS_EXT_PROVIDERS, APUS_EXT_FUNCTIONS, APUS_EXT_TASKS, APUS_EXT_EXPR])
    static let directives = dbmDirectives(
        file: "AuthDBMGroupFile", help: "database of users and their groups", type: "AuthzDBMType")

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

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    AuthzDbm.descriptor(for: host, named: name)
}
