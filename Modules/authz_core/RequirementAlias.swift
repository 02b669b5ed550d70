import ModuleKit

/// A requirement with its words and directives of its own, under another name.
private struct RequirementAlias: BitwiseCopyable {
    let name: Bytes
    var requirement: Requirement
    let set: ConfigurationSet
    let host: UnsafePointer<apus_host>

    static func from(_ context: UnsafeMutableRawPointer?) -> UnsafeMutablePointer<RequirementAlias> {
        context.unsafelyUnwrapped.assumingMemoryBound(to: RequirementAlias.self)
    }
}

/// <AuthzProviderAlias provider alias words>
func aliasRequirement(_ command: Command, _ line: Bytes) throws {
    var rest = line
    let provider = command.pool.copy(rest.takeArgument())
    let alias = command.pool.copy(rest.takeArgument())
    let words = rest.arguments(in: command.pool)
    guard !provider.isEmpty, !alias.isEmpty, words.count <= 1 else {
        throw DirectiveError(
            "it takes the name of a requirement, the alias that it gets, and its words as one argument in quotes")
    }
    guard provider != alias else { throw DirectiveError("the alias must differ from the requirement's own name") }
    let host = Host(raw: command.host)
    guard host.provider(APUS_GROUP_AUTHZ, alias, as: apus_authz_v1.self) == nil else {
        throw DirectiveError("\"\(alias.string)\" is the name of a requirement, or an alias, already")
    }
    let set = try command.walkAsSet()
    let requirement = try requirement(
        command, provider, words.isEmpty ? Bytes("") : words[0], isNegated: false)
    let place = command.pool.make(RequirementAlias(name: alias, requirement: requirement, set: set, host: command.host))
    let table = apus_authz_v1(
        size: UInt32(MemoryLayout<apus_authz_v1>.size), flags: 0, parse: parseAlias, check: checkAlias, defer: deferAlias)
    try host.provide(APUS_GROUP_AUTHZ, alias, table, rawContext: UnsafeMutableRawPointer(place))
}

/// The words stand with the alias, none where it is used.
private func parseAlias(
    _ context: UnsafeMutableRawPointer?, _ command: OpaquePointer?, _ arguments: apus_str,
    _ parsed: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> apus_status {
    parsed?.pointee = context
    return APUS_OK
}

private func checkAlias(
    _ context: UnsafeMutableRawPointer?, _ r: OpaquePointer?, _ parsed: UnsafeMutableRawPointer?
) -> apus_status {
    let alias = RequirementAlias.from(context)
    let node = alias.pointee.requirement
    guard let r, let provider = node.provider else { return APUS_E_INVALID }
    let request = Request(r, host: alias.pointee.host)
    Log(host: request.host).write(
        .debug, code: "APUS3107", request: request, "Require \(alias.pointee.name.string) stands for \(node.title)")
    return alias.pointee.set.during(request) {
        provider.pointee.check(node.context, r, node.parsed)
    } ?? APUS_E_FAIL
}

private func deferAlias(
    _ context: UnsafeMutableRawPointer?, _ r: OpaquePointer?, _ parsed: UnsafeMutableRawPointer?,
    _ work: UnsafeMutablePointer<apus_work>?
) -> apus_status {
    let alias = RequirementAlias.from(context)
    let node = alias.pointee.requirement
    guard let r, let work else { return APUS_E_INVALID }
    return alias.pointee.set.during(Request(r, host: alias.pointee.host)) {
        node.deferred(r, &work.pointee) ? APUS_OK : APUS_E_FAIL
    } ?? APUS_E_FAIL
}
