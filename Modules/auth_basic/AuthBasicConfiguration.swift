import ModuleKit

/// A provider of users, by its name.
struct UserProvider: BitwiseCopyable {
    var name: Bytes
    var table: UnsafePointer<apus_authn_v1>
    var context: UnsafeMutableRawPointer?
}

/// How users are asked for in a directory.
struct AuthBasicConf: Configuration, BitwiseCopyable {
    enum Choice: UInt8, BitwiseCopyable {
        case unset, off, on
    }

    var providers = PoolArray<UserProvider>()
    var isAuthoritative = Choice.unset
    var usesDigest = Choice.unset
    /// AuthBasicFake: `on` with a user and a password.
    var fakes = Choice.unset
    var fakeUser = DirectiveText()
    var fakePassword = DirectiveText()
    /// Nil: not said here.
    var throttle: Throttle.Rule?

    func merged(
        over base: AuthBasicConf, settings: [(inout AuthBasicConf) -> Void], in pool: Pool
    ) -> AuthBasicConf {
        var merged = self
        if providers.isEmpty { merged.providers = base.providers }
        if isAuthoritative == .unset { merged.isAuthoritative = base.isAuthoritative }
        if throttle == nil { merged.throttle = base.throttle }
        if usesDigest == .unset { merged.usesDigest = base.usesDigest }
        if fakes == .unset {
            merged.fakes = base.fakes
            merged.fakeUser = base.fakeUser
            merged.fakePassword = base.fakePassword
        }
        return merged
    }
}

private let inSections: Scopes = [.directory, .location, .files, .htaccess]

let authBasicDirectives: [Directive] = [
    Directive("AuthBasicProvider", .each, in: inSections, override: .auth, help: "provider [provider] …") {
        try addProvider($0, $1[0])
    },
    Directive("AuthBasicAuthoritative", .flag, in: inSections, override: .auth, help: "On or Off") {
        $0.configuration(AuthBasicConf.self).pointee.isAuthoritative = try Bool(word: $1[0]) ? .on : .off
    },
    Directive(
        "AuthBasicFake", .words(1...2), in: inSections, override: .auth, help: "off, or a user and a password"
    ) { command, words in
        let conf = command.configuration(AuthBasicConf.self)
        guard !words[0].equalsIgnoringCase("off") else { return conf.pointee.fakes = .off }
        conf.pointee.fakes = .on
        conf.pointee.fakeUser = try DirectiveText(words[0], in: command)
        conf.pointee.fakePassword = try DirectiveText(words.count > 1 ? words[1] : Bytes("password"), in: command)
    },
    Directive(
        "AuthThrottle", .words(1...2), in: .sections, help: "Off, or failures [seconds]"
    ) {
        $0.configuration(AuthBasicConf.self).pointee.throttle = try throttleRule($1)
    },
    Directive("AuthBasicUseDigestAlgorithm", .one, in: inSections, override: .auth, help: "MD5 or Off") {
        let conf = $0.configuration(AuthBasicConf.self)
        if $1[0].equalsIgnoringCase("Off") {
            conf.pointee.usesDigest = .off
        } else if $1[0].equalsIgnoringCase("MD5") {
            conf.pointee.usesDigest = .on
        } else {
            throw DirectiveError("\"\($1.string(0))\" is neither MD5 nor Off")
        }
    },
]

private func addProvider(_ command: Command, _ name: Bytes) throws {
    let found = Host(raw: command.host).provider(APUS_GROUP_AUTHN, name, as: apus_authn_v1.self)
    guard let (table, context) = found else {
        throw DirectiveError("no loaded module has a provider \"\(name.string)\" of users, and no alias bears that name so far")
    }
    guard table.pointee.check_password != nil else {
        throw DirectiveError("the provider \"\(name.string)\" cannot check the passwords of Basic authentication")
    }
    let provider = UserProvider(name: command.pool.copy(name), table: table, context: context)
    command.configuration(AuthBasicConf.self).pointee.providers.append(provider, in: command.pool)
}
