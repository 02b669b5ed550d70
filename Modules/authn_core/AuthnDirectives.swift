import ModuleKit

private let inSections: Scopes = [.directory, .location, .files, .htaccess]

let authnDirectives: [Directive] = [
    Directive("AuthType", .one, in: inSections, override: .auth, help: "None, Basic, Digest or Form") {
        $0.configuration(AuthnDirConf.self).pointee.type = try DirectiveText($1[0], in: $0)
    },
    Directive("AuthName", .one, in: inSections, override: .auth, help: "the realm") {
        $0.configuration(AuthnDirConf.self).pointee.name = try DirectiveText($1[0], in: $0)
    },
    Directive("AuthnProviderAlias", .section, in: .global, help: "provider alias") {
        try aliasProvider($0, $1.count > 0 ? $1[0] : Bytes(""))
    },
]
