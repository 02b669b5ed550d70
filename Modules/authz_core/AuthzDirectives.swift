import ModuleKit

let authzDirectives: [Directive] = [
    Directive(
        "Require", .raw, in: inSections, override: .auth, help: "[not] what is required, and its arguments"
    ) {
        try require($0, $1.count > 0 ? $1[0] : Bytes(""))
    },
    Directive("AuthzProviderAlias", .section, in: .global, help: "provider alias words") {
        try aliasRequirement($0, $1.count > 0 ? $1[0] : Bytes(""))
    },
    container("RequireAll", .all),
    container("RequireAny", .any),
    container("RequireNone", .any, isNegated: true),
    Directive("AuthMerging", .one, in: inSections, override: .auth, help: "Off, And or Or") {
        $0.configuration(AuthzDirConf.self).pointee.merging = try merging($1[0])
    },
    Directive("AuthzSendForbiddenOnFailure", .flag, in: inSections, override: .auth, help: "On or Off") {
        $0.configuration(AuthzDirConf.self).pointee.forbidsOnFailure = try Bool(word: $1[0]) ? .on : .off
    },
]

private let inSections: Scopes = [.directory, .location, .files, .htaccess]

private func merging(_ word: Bytes) throws -> Merging {
    if word.equalsIgnoringCase("off") { return .off }
    if word.equalsIgnoringCase("and") { return .and }
    if word.equalsIgnoringCase("or") { return .or }
    throw DirectiveError("\"\(word.string)\" is none of Off, And and Or")
}

/// One Require line.
private func require(_ command: Command, _ line: Bytes) throws {
    var rest = line
    var name = rest.takeArgument()
    var isNegated = false
    if name.equalsIgnoringCase("not") {
        isNegated = true
        name = rest.takeArgument()
    }
    let node = try requirement(command, name, rest.trimmed, isNegated: isNegated)
    let conf = command.configuration(AuthzDirConf.self)
    let parent = conf.pointee.root ?? command.pool.make(Requirement.implicit(.any))
    conf.pointee.root = parent
    if isNegated, parent.pointee.kind == .any {
        throw DirectiveError(
            "a negated \(command.name.string) has no effect in \(parent.pointee.title), it only forbids;"
                + " put it into <RequireAll>")
    }
    parent.pointee.append(command.pool.make(node))
}

func requirement(
    _ command: Command, _ name: Bytes, _ arguments: Bytes, isNegated: Bool
) throws -> Requirement {
    guard !name.isEmpty else { throw DirectiveError("\(command.name.string) does not say what is required") }
    guard
        let (table, context) = Host(raw: command.host).provider(
            APUS_GROUP_AUTHZ, name, as: apus_authz_v1.self)
    else { throw DirectiveError(unknown(name)) }
    var node = Requirement(.provider, isNegated: isNegated, limit: command.limit)
    node.provider = table
    node.context = context
    node.words = command.pool.compose(capacity: name.count + arguments.count + 1) {
        $0.append(name)
        if !arguments.isEmpty { $0.append(0x20) }
        $0.append(arguments)
    }
    guard table.pointee.parse(context, command.raw, arguments, &node.parsed) == APUS_OK else {
        throw AlreadyReported()
    }
    return node
}

/// What to say about a requirement that no module provides.
private func unknown(_ name: Bytes) -> String {
    let known = [
        "host": "authz_host", "ip": "authz_host", "local": "authz_host", "forward-dns": "authz_host",
        "user": "authz_user", "valid-user": "authz_user", "group": "authz_groupfile",
        "file-group": "authz_groupfile", "file-owner": "authz_owner", "dbm-group": "authz_dbm",
        "dbm-file-group": "authz_dbm", "dbd-group": "authz_dbd", "dbd-login": "authz_dbd",
        "dbd-logout": "authz_dbd",
        "ldap-user": "authnz_ldap", "ldap-group": "authnz_ldap", "ldap-dn": "authnz_ldap",
        "ldap-attribute": "authnz_ldap", "ldap-filter": "authnz_ldap", "ldap-search": "authnz_ldap",
        "ssl": "ssl",
        "ssl-verify-client": "ssl",
    ]
    let name = name.string
    guard let module = known[name] else { return "no module provides \"Require \(name)\"" }
    return "no module provides \"Require \(name)\": \(module)_module does, and is not loaded"
}

/// A container directive.
private func container(_ name: String, _ kind: Requirement.Kind, isNegated: Bool = false) -> Directive {
    Directive(name, .section, in: inSections, override: .auth, help: "no argument") { command, words in
        guard words.count == 0 || words[0].trimmed.isEmpty else {
            throw DirectiveError("<\(name)> takes no argument")
        }
        let conf = command.configuration(AuthzDirConf.self)
        let outer = conf.pointee.root
        let node = command.pool.make(Requirement(kind, isNegated: isNegated, limit: command.limit))
        conf.pointee.root = node
        defer { if conf.pointee.root == node { conf.pointee.root = outer } }
        try command.walk()
        conf.pointee.root = try place(node, in: outer, named: name, pool: command.pool)
    }
}

/// Puts a container that has been read into the one around it, which is <RequireAny> where none is written.
/// - Returns: the one around it.
private func place(
    _ node: UnsafeMutablePointer<Requirement>, in outer: UnsafeMutablePointer<Requirement>?,
    named name: String,
    pool: Pool
) throws -> UnsafeMutablePointer<Requirement> {
    guard node.pointee.first != nil else { throw DirectiveError("<\(name)> requires nothing: it is empty") }
    let parent = outer ?? pool.make(Requirement.implicit(.any))
    if node.pointee.isNegated, parent.pointee.kind == .any {
        throw DirectiveError(
            "<\(name)> has no effect in \(parent.pointee.title), as it only forbids;"
                + " put it into <RequireAll>"
        )
    }
    // A container in one of its kind means the same as its members.
    let isOfItsKind = !parent.pointee.isNegated && !node.pointee.isNegated && parent.pointee.kind == node.pointee.kind
    if isOfItsKind, node.pointee.limit == nil {
        parent.pointee.appendMembers(of: node.pointee)
        return parent
    }
    guard node.pointee.kind != .all || !node.pointee.onlyForbids else {
        throw DirectiveError(
            "AH01624: <\(name)> only forbids, so it can never be satisfied; require something in it")
    }
    parent.pointee.append(node)
    return parent
}
