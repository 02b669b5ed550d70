import ModuleKit

/// Whether proxies of the last century may keep what was negotiated.
struct NegotiationServerConf: Configuration {
    var cachesDocuments: Bool?

    func merged(
        over base: NegotiationServerConf, settings: [(inout NegotiationServerConf) -> Void]
    ) -> NegotiationServerConf {
        NegotiationServerConf(cachesDocuments: cachesDocuments ?? base.cachesDocuments)
    }
}

/// What decides between languages that the client likes equally well, or not at all.
struct ForcedPriority: OptionSet, BitwiseCopyable {
    let rawValue: UInt8

    /// Of several that are equally good, the first of LanguagePriority.
    static let prefer = ForcedPriority(rawValue: 1)
    /// Of several that are not acceptable, the first of LanguagePriority.
    static let fallback = ForcedPriority(rawValue: 2)
}

struct NegotiationDirConf: Configuration {
    var forced: ForcedPriority?
    var priority = PoolArray<Bytes>()

    func merged(
        over base: NegotiationDirConf, settings: [(inout NegotiationDirConf) -> Void]
    ) -> NegotiationDirConf {
        NegotiationDirConf(forced: forced ?? base.forced, priority: priority.isEmpty ? base.priority : priority)
    }
}

let negotiationDirectives: [Directive] = [
    Directive("CacheNegotiatedDocs", .flag, in: .server, help: "On or Off") {
        $0.serverConfiguration(NegotiationServerConf.self).pointee.cachesDocuments = try Bool(word: $1[0])
    },
    Directive("LanguagePriority", .many(1), in: .any, override: .fileInfo, help: "languages, the most wanted first") {
        let conf = $0.configuration(NegotiationDirConf.self)
        for index in 0..<$1.count { conf.pointee.priority.append($0.pool.copy($1[index]), in: $0.pool) }
    },
    Directive(
        "ForceLanguagePriority", .words(1...2), in: .any, override: .fileInfo, help: "None, or Prefer, Fallback or both"
    ) { try setForced($0, $1) },
]

private func setForced(_ command: Command, _ words: Arguments) throws {
    var forced: ForcedPriority = []
    for index in 0..<words.count {
        switch words[index].string.lowercased() {
        case "none" where words.count == 1: break
        case "prefer": forced.insert(.prefer)
        case "fallback": forced.insert(.fallback)
        case "none": throw DirectiveError("None cannot be combined with Prefer or Fallback")
        default: throw DirectiveError("\"\(words[index].string)\" is none of None, Prefer and Fallback")
        }
    }
    command.configuration(NegotiationDirConf.self).pointee.forced = forced
}
