import Glibc
import ModuleKit

let environmentDirectives: [Directive] = [
    Directive("SetEnv", .words(1...2), in: .any, override: .fileInfo, help: "variable [value]") { command, words in
        let conf = command.configuration(EnvironmentConf.self)
        try check(words[0])
        conf.pointee.set(
            command.pool.copy(words[0]), words.count > 1 ? command.pool.copy(words[1]) : Bytes(""), in: command.pool)
    },
    Directive("PassEnv", .each, in: .any, override: .fileInfo, help: "variable …") { command, words in
        guard let value = getenv(words.string(0)) else {
            return command.warn(
                "AH01506: the environment of the server has no variable \(words.string(0)), so there is nothing to pass")
        }
        let conf = command.configuration(EnvironmentConf.self)
        conf.pointee.set(command.pool.copy(words[0]), command.pool.copy(Bytes(cString: value)), in: command.pool)
    },
    Directive("UnsetEnv", .each, in: .any, override: .fileInfo, help: "variable …") { command, words in
        command.configuration(EnvironmentConf.self).pointee.remove(command.pool.copy(words[0]), in: command.pool)
    },
]

private func check(_ name: Bytes) throws {
    if name.isEmpty { throw DirectiveError("the variable has no name") }
}
