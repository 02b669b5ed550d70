import AuthKit
import ModuleKit

/// `Require group` and `Require file-group` by text files.
final class AuthzGroupfile: Module {
    typealias DirConf = GroupfileConf

    static let info = ModuleInfo(
        "authz_groupfile_module", version: "1.0",
        requires: [APUS_EXT_PROVIDERS, APUS_EXT_FUNCTIONS, APUS_EXT_TASKS, APUS_EXT_EXPR])
    static let directives = [
        Directive(
            "AuthGroupFile", .one, in: [.directory, .location, .files, .htaccess], override: .auth,
            help: "file of groups and their users"
        ) {
            let file = groupFiles.file($0.resolve($1[0]), Host(raw: $0.host))
            $0.configuration(GroupfileConf.self).pointee.file = file
        }
    ]

    init(_ host: Host) throws {
        let groups = Groups(host)
        let fileGroup = FileGroup()
        try host.hooks.optionalFunctions { fileGroup.find(host) }
        try host.provideRequirement(
            "group", parse: { try DirectiveWords($1, in: $0) },
            check: { request, words in
                guard request.user.isSet else { return .needsUser }
                return words.values(request).map { groups.decide(request, $0.elements) } ?? .failed
            },
            later: { request, _ in groups.reading(for: request) })
        try host.provideRequirement(
            "file-group", parse: { _, _ in UInt8(0) },
            check: { request, _ in
                let group = fileGroup.name(for: request)
                // Who asks for the group of a file asks for a user first.
                guard request.user.isSet else { return .needsUser }
                guard group.isSet else { return .denied }
                return withUnsafeTemporaryAllocation(of: Bytes.self, capacity: 1) { one in
                    one.initialize(repeating: group)
                    return groups.decide(request, one)
                }
            },
            later: { request, _ in groups.reading(for: request) })
    }
}

/// The file of a directory.
struct GroupfileConf: Configuration, BitwiseCopyable {
    var file: Unmanaged<WatchedFile<PairTable>>?

    func merged(
        over base: GroupfileConf, settings: [(inout GroupfileConf) -> Void], in pool: Pool
    ) -> GroupfileConf {
        GroupfileConf(file: file ?? base.file)
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    AuthzGroupfile.descriptor(for: host, named: name)
}
