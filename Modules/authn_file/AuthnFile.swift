import AuthKit
import ModuleKit

/// Knows users and passwords from text files.
final class AuthnFile: Module {
    typealias DirConf = AuthnFileConf

    static let info = ModuleInfo("authn_file_module", version: "1.0", requires: [APUS_EXT_PROVIDERS, APUS_EXT_FUNCTIONS])
    static let directives = [
        Directive(
            "AuthUserFile", .one, in: [.directory, .location, .files, .htaccess], override: .auth,
            help: "file of users and passwords"
        ) {
            let file = userFiles.file($0.resolve($1[0]), Host(raw: $0.host))
            $0.configuration(AuthnFileConf.self).pointee.file = file
        }
    ]

    init(_ host: Host) throws {
        _ = try UserProvider(host, "file", FileUsers(host))
    }
}

/// The file of a directory.
struct AuthnFileConf: Configuration, BitwiseCopyable {
    var file: Unmanaged<WatchedFile<UserTable>>?

    func merged(
        over base: AuthnFileConf, settings: [(inout AuthnFileConf) -> Void], in pool: Pool
    ) -> AuthnFileConf {
        AuthnFileConf(file: file ?? base.file)
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    AuthnFile.descriptor(for: host, named: name)
}
