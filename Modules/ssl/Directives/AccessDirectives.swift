import ModuleKit

/// Who may have what, and what scripts are told.
let accessDirectives: [Directive] = [
    Directive("SSLRequireSSL", .none, in: inSections, override: .auth, help: "refuses requests without TLS") {
        command, _ in
        command.update { (conf: inout SSLDirConf) in
            conf.requiresTLS = true
            conf.duties.insert(.access)
        }
    },
    Directive("SSLRequire", .raw, in: inSections, override: .auth, help: "an expression that must be true") {
        let requirement = try SSLRequirement($0, $1.count > 0 ? $1[0] : Bytes(""))
        $0.update { (conf: inout SSLDirConf) in
            conf.requirements.append(requirement)
            conf.duties.insert(.access)
        }
    },
    Directive("SSLOptions", .many(1), in: .any, override: .options, help: "[+|-]option …", setOptions),
    Directive(
        "SSLUserName", .one, in: [.server, .directory, .location, .files, .htaccess], override: .auth,
        help: "the variable that names the user"
    ) {
        let name = $0.pool.copy($1[0])
        $0.update { (conf: inout SSLDirConf) in
            conf.userName = name
            conf.duties.insert(.fixups)
        }
    },
    Directive(
        "SSLRenegBufferSize", .one, in: inSections, override: .auth, help: "bytes of a body that wait for renegotiation"
    ) {
        let size = Int(try number($0, $1[0], in: 0...Int64(1 << 30), "bytes"))
        $0.update { (conf: inout SSLDirConf) in conf.renegotiationBuffer = size }
    },
]

let inSections: Scopes = [.directory, .location, .files, .htaccess]

private func setOptions(_ command: Command, _ arguments: Arguments) throws {
    var changes: [(sign: Character?, option: SSLOptions)] = []
    for index in 0..<arguments.count {
        let word = arguments.string(index)
        let sign = word.first.flatMap { "+-".contains($0) ? $0 : nil }
        changes.append((sign, try SSLOptions(named: sign == nil ? word : String(word.dropFirst()))))
    }
    command.update { (conf: inout SSLDirConf) in
        if changes[0].sign == nil { conf.options = [] }
        for (sign, option) in changes {
            if sign == "-" { conf.options.remove(option) } else { conf.options.insert(option) }
        }
        setDuty(
            &conf.duties, .fixups,
            !conf.options.isDisjoint(with: [.stdEnvVars, .exportCertData]) || conf.userName != nil)
    }
}

private func setDuty(_ duties: inout Duties, _ duty: Duties, _ isOn: Bool) {
    if isOn { duties.insert(duty) } else { duties.remove(duty) }
}
