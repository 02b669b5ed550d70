import ModuleKit

/// A directive of a server that names a file or directory.
func fileDirective(
    _ name: String, _ help: String, _ set: @escaping (inout SSLServerConf, Located<String>) -> Void
) -> Directive {
    Directive(name, .one, in: .server, help: help) { command, arguments in
        let file = Located(command.resolve(arguments[0]).string, Location(command))
        command.updateServer { (conf: inout SSLServerConf) in set(&conf, file) }
    }
}

/// A directive of a server that is on or off.
func flagDirective(_ name: String, _ path: WritableKeyPath<SSLServerConf, Bool>, _ help: String) -> Directive {
    Directive(name, .flag, in: .server, help: help) { try $0.set(server: path, $1) }
}

extension Command {
    var isInServer: Bool { scopeKind <= APUS_SCOPE_VHOST }
}

/// A whole number within bounds, for the directive at hand.
func number(_ command: Command, _ word: Bytes, in range: ClosedRange<Int64>, _ unit: String) throws -> Int64 {
    let isNegative = word.hasPrefix("-")
    guard let value = (isNegative ? word.from(1) : word).decimal.map({ isNegative ? -$0 : $0 }), range.contains(value)
    else {
        throw DirectiveError(
            "\(command.name.string): \"\(word.string)\" is no number of \(unit) from \(range.lowerBound) to "
                + "\(range.upperBound)")
    }
    return value
}
