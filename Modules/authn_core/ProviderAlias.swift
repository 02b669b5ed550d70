import ModuleKit

/// A provider under another name, with directives of its own.
private struct ProviderAlias: BitwiseCopyable {
    let table: UnsafePointer<apus_authn_v1>
    let context: UnsafeMutableRawPointer?
    let set: ConfigurationSet
    let host: UnsafePointer<apus_host>

    static func from(_ context: UnsafeMutableRawPointer?) -> ProviderAlias {
        context.unsafelyUnwrapped.assumingMemoryBound(to: ProviderAlias.self).pointee
    }
}

/// <AuthnProviderAlias provider alias>
func aliasProvider(_ command: Command, _ line: Bytes) throws {
    let words = line.arguments(in: command.pool)
    guard words.count == 2 else {
        throw DirectiveError(
            "it takes the name of a provider and the alias that it gets, but \(words.count) words are given")
    }
    let (provider, alias) = (words[0], words[1])
    guard provider != alias else { throw DirectiveError("the alias must differ from the provider's own name") }
    let host = Host(raw: command.host)
    guard host.provider(APUS_GROUP_AUTHN, alias, as: apus_authn_v1.self) == nil else {
        throw DirectiveError("\"\(alias.string)\" is the name of a provider, or an alias, already")
    }
    let set = try command.walkAsSet()
    guard let (table, context) = host.provider(APUS_GROUP_AUTHN, provider, as: apus_authn_v1.self) else {
        throw DirectiveError("no loaded module has a provider \"\(provider.string)\" of users")
    }
    let place = command.pool.allocate(ProviderAlias.self)
    place.initialize(to: ProviderAlias(table: table, context: context, set: set, host: command.host))
    let aliased = apus_authn_v1(
        size: UInt32(MemoryLayout<apus_authn_v1>.size), flags: 0,
        check_password: table.pointee.check_password == nil ? nil : checkPassword,
        realm_hash: table.pointee.realm_hash == nil ? nil : realmHash)
    try host.provide(APUS_GROUP_AUTHN, alias, aliased, rawContext: UnsafeMutableRawPointer(place))
}

private func checkPassword(
    _ context: UnsafeMutableRawPointer?, _ r: OpaquePointer?, _ user: apus_str, _ password: apus_str,
    _ work: UnsafeMutablePointer<apus_work>?
) -> apus_status {
    let alias = ProviderAlias.from(context)
    guard let r, let check = alias.table.pointee.check_password else { return APUS_E_INVALID }
    return alias.set.during(Request(r, host: alias.host)) { check(alias.context, r, user, password, work) }
        ?? APUS_E_FAIL
}

private func realmHash(
    _ context: UnsafeMutableRawPointer?, _ r: OpaquePointer?, _ user: apus_str, _ realm: apus_str, _ algorithm: UInt32,
    _ hash: UnsafeMutablePointer<apus_str>?
) -> apus_status {
    let alias = ProviderAlias.from(context)
    guard let r, let find = alias.table.pointee.realm_hash else { return APUS_E_INVALID }
    return alias.set.during(Request(r, host: alias.host)) { find(alias.context, r, user, realm, algorithm, hash) }
        ?? APUS_E_FAIL
}
