import ModuleKit

/// Changes bodies, line by line, by scripts in the language of sed.
final class Sed: Module {
    typealias DirConf = SedConf

    static let info = ModuleInfo("sed_module", version: "1.0", requires: [APUS_EXT_FILTERS, APUS_EXT_REGEX])
    static let directives: [Directive] = [
        Directive("OutputSed", .one, in: .sections, help: "commands of sed for answers") { try add($0, $1[0], to: \.output) },
        Directive("InputSed", .one, in: .sections, help: "commands of sed for request bodies") { try add($0, $1[0], to: \.input) },
    ]

    init(_ host: Host) throws {
        try host.outputFilter("Sed", stage: APUS_STAGE_CONTENT, SedOutput.self)
        try host.inputFilter("Sed", stage: APUS_STAGE_CONTENT, SedInput.self)
        try host.hooks.checkConfig { SedScript.reportUnfinished(to: host) }
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    Sed.descriptor(for: host, named: name)
}

/// The lines that the directives of a section make up.
final class SedScript {
    private var source: [UInt8] = []
    private(set) var program: SedProgram?
    /// What is wrong with it if nothing more comes, and where.
    private var unfinished: (place: String, reason: String)?

    /// Those that waited for a further line when it was read.
    nonisolated(unsafe) private static var waiting: [SedScript] = []

    func add(_ line: Bytes, _ command: Command) throws {
        if !source.isEmpty { source.append(UInt8(ascii: "\n")) }
        source.append(contentsOf: line.buffer)
        do {
            program = try SedProgram(source, in: command.pool)
            unfinished = nil
        } catch let problem as UnfinishedScript {
            unfinished = (command.place, problem.reason)
            Self.waiting.append(self)
        }
    }

    static func reportUnfinished(to host: Host) {
        for script in waiting {
            guard let (place, reason) = script.unfinished else { continue }
            host.report(.error, place: host.pool.copy(place), "the script cannot be used: \(reason)")
            script.unfinished = nil
        }
        waiting = []
    }
}

/// What an inner section says of either takes the place of all that is said outside, of both.
struct SedConf: Configuration {
    var output: SedScript?
    var input: SedScript?

    func merged(over base: SedConf, settings: [(inout SedConf) -> Void]) -> SedConf {
        output == nil && input == nil ? base : self
    }
}

private func add(_ command: Command, _ line: Bytes, to path: WritableKeyPath<SedConf, SedScript?>) throws {
    let conf = command.configuration(SedConf.self)
    let script = conf.pointee[keyPath: path] ?? SedScript()
    conf.pointee[keyPath: path] = script
    try script.add(line, command)
}
