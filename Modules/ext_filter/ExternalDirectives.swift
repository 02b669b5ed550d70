import ModuleKit

/// What happens around the programs. Nil: nothing is said.
struct ExternalOptions: Configuration {
    var logsErrors: Bool?
    var isLeftOutOnFailure: Bool?

    func merged(over base: ExternalOptions, settings: [(inout ExternalOptions) -> Void]) -> ExternalOptions {
        ExternalOptions(
            logsErrors: logsErrors ?? base.logsErrors, isLeftOutOnFailure: isLeftOutOnFailure ?? base.isLeftOutOnFailure)
    }
}

let externalFilterDirectives: [Directive] = [
    Directive("ExtFilterDefine", .raw, in: .global, help: "name cmd=\"program [word …]\" [parameter …]") {
        try define($0, $1.count > 0 ? $1[0] : Bytes(""))
    },
    Directive("ExtFilterOptions", .each, in: .sections, help: "LogStderr, NoLogStderr or Onfail=abort|remove") {
        let conf = $0.configuration(ExternalOptions.self)
        switch $1.string(0).lowercased() {
        case "logstderr": conf.pointee.logsErrors = true
        case "nologstderr": conf.pointee.logsErrors = false
        case "onfail=remove": conf.pointee.isLeftOutOnFailure = true
        case "onfail=abort": conf.pointee.isLeftOutOnFailure = false
        default:
            throw DirectiveError("\"\($1.string(0))\" is none of LogStderr, NoLogStderr, Onfail=abort and Onfail=remove")
        }
    },
]

private func define(_ command: Command, _ line: Bytes) throws {
    let definition = try ExternalDefinition(line)
    let host = Host(raw: command.host)
    do {
        if definition.isInput {
            try host.inputFilter(definition.name, stage: definition.stage, after: definition.after) { ExternalInput(definition, $0) }
        } else {
            try host.outputFilter(definition.name, stage: definition.stage, after: definition.after) { ExternalOutput(definition, $0) }
        }
    } catch {
        throw DirectiveError("there is a filter \"\(definition.name)\" already: give this one another name")
    }
}
