import ModuleKit

/// Finds the file that was meant when a name is misspelt, in one place or in its capitals.
final class Speling: Module {
    typealias DirConf = SpelingConf

    static let info = ModuleInfo("speling_module", version: "1.0", requires: [APUS_EXT_SUBREQUEST])
    static let directives: [Directive] = [
        flag("CheckSpelling", \.isOn), flag("CheckCaseOnly", \.caseOnly), flag("CheckBasenameMatch", \.byBaseName),
    ]

    init(_ host: Host) throws {
        try host.hooks.fixups(Order(.last, flags: .explainable)) { try Correction($0, host.log).answer() }
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    Speling.descriptor(for: host, named: name)
}

struct SpelingConf: Configuration {
    var isOn: Bool?
    var caseOnly: Bool?
    var byBaseName: Bool?

    func merged(over base: SpelingConf, settings: [(inout SpelingConf) -> Void]) -> SpelingConf {
        SpelingConf(
            isOn: isOn ?? base.isOn, caseOnly: caseOnly ?? base.caseOnly, byBaseName: byBaseName ?? base.byBaseName)
    }
}

private func flag(_ name: String, _ path: WritableKeyPath<SpelingConf, Bool?>) -> Directive {
    Directive(name, .flag, in: .any, override: .options, help: "On or Off") {
        $0.configuration(SpelingConf.self).pointee[keyPath: path] = try Bool(word: $1[0])
    }
}
