import ModuleKit

/// A provider of users.
struct UserProvider {
    var table: UnsafePointer<apus_authn_v1>
    var context: UnsafeMutableRawPointer?
}

/// How users are asked for in a directory.
struct FormConf: Configuration {
    var providers: [UserProvider] = []
    var isAuthoritative = true
    var fakesBasic = false
    var storesLogin = false
    /// The names of the form's fields.
    var user = Bytes("httpd_username")
    var password = Bytes("httpd_password")
    var location = Bytes("httpd_location")
    var method = Bytes("httpd_method")
    var mediaType = Bytes("httpd_mimetype")
    var body = Bytes("httpd_body")
    /// Longest form, in bytes.
    var size = 8192
    var sitePassphrase = Bytes.none
    var loginRequired = DirectiveText()
    var loginSuccess = DirectiveText()
    var logout = DirectiveText()
}

private let inSections: Scopes = [.directory, .location, .files, .htaccess]

let formDirectives: [Directive] = [
    Directive("AuthFormProvider", .many(1), in: inSections, override: .auth, help: "provider [provider] …") {
        try setProviders($0, $1)
    },
    Directive("AuthFormAuthoritative", .flag, in: inSections, override: .auth, help: "On or Off") {
        try $0.set(\FormConf.isAuthoritative, $1)
    },
    Directive("AuthFormFakeBasicAuth", .flag, in: inSections, override: .auth, help: "On or Off") {
        try $0.set(\FormConf.fakesBasic, $1)
    },
    Directive("AuthFormDisableNoStore", .flag, in: inSections, override: .auth, help: "On or Off") {
        try $0.set(\FormConf.storesLogin, $1)
    },
    field("AuthFormUsername", \.user),
    field("AuthFormPassword", \.password),
    field("AuthFormLocation", \.location),
    field("AuthFormMethod", \.method),
    field("AuthFormMimetype", \.mediaType),
    field("AuthFormBody", \.body),
    Directive("AuthFormSize", .one, in: .sections, help: "bytes") { command, words in
        guard let size = words[0].decimal, (1...(64 << 20)).contains(size) else {
            throw DirectiveError("\"\(words.string(0))\" is no number of bytes from 1 to \(64 << 20)")
        }
        command.update { (conf: inout FormConf) in conf.size = Int(size) }
    },
    Directive(
        "AuthFormSitePassphrase", .one, in: inSections, override: .auth, flags: APUS_DIRECTIVE_SECRET, help: "secret"
    ) { command, words in
        let secret = command.pool.copy(words[0])
        command.update { (conf: inout FormConf) in conf.sitePassphrase = secret }
    },
    place("AuthFormLoginRequiredLocation", \.loginRequired),
    place("AuthFormLoginSuccessLocation", \.loginSuccess),
    place("AuthFormLogoutLocation", \.logout),
]

/// A directive that names a field of the form.
private func field(_ name: String, _ path: WritableKeyPath<FormConf, Bytes> & Sendable) -> Directive {
    Directive(name, .one, in: inSections, override: .auth, help: "the name of a field of the form") { command, words in
        guard !words[0].isEmpty else { throw DirectiveError("\(command.name.string) needs the name of a field") }
        let field = command.pool.copy(words[0])
        command.update { (conf: inout FormConf) in conf[keyPath: path] = field }
    }
}

/// A directive that names where the client is sent.
private func place(_ name: String, _ path: WritableKeyPath<FormConf, DirectiveText> & Sendable) -> Directive {
    Directive(name, .one, in: inSections, override: .auth, help: "a URL, which may have %{…} parts") { command, words in
        let url = try DirectiveText(words[0], in: command)
        command.update { (conf: inout FormConf) in conf[keyPath: path] = url }
    }
}

private func setProviders(_ command: Command, _ words: Arguments) throws {
    var providers: [UserProvider] = []
    for index in 0..<words.count {
        let found = Host(raw: command.host).provider(APUS_GROUP_AUTHN, words[index], as: apus_authn_v1.self)
        guard let (table, context) = found else {
            throw DirectiveError(
                "no loaded module has a provider \"\(words.string(index))\" of users, and no alias bears that name so far")
        }
        guard table.pointee.check_password != nil else {
            throw DirectiveError("the provider \"\(words.string(index))\" cannot check the passwords of a form")
        }
        providers.append(UserProvider(table: table, context: context))
    }
    let added = providers
    // A second line in the same scope adds to the first; in an inner one they take the place of those outside.
    let conf = command.configuration(FormConf.self)
    let all = conf.pointee.providers + added
    command.update { (conf: inout FormConf) in conf.providers = all }
}
