import ModuleKit

/// Chooses one of several representations of a resource by what the client accepts: files beside each other
/// (MultiViews), or those that a type map names.
final class Negotiation: Module {
    typealias ServerConf = NegotiationServerConf
    typealias DirConf = NegotiationDirConf

    static let info = ModuleInfo("negotiation_module", version: "1.0", requires: [APUS_EXT_SUBREQUEST])
    static let directives = negotiationDirectives

    init(_ host: Host) throws {
        try host.hooks.typeChecker(Order(.first, flags: .explainable)) { try chooseView($0, host.log) }
        try host.hooks.fixups(Order(.middle, flags: .explainable)) { fixEncoding($0) }
        try host.hooks.handler(.middle) { try answerTypeMap($0, host.log) }
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    Negotiation.descriptor(for: host, named: name)
}

/// A client that speaks of x-gzip is answered so, and one that speaks of gzip so.
private func fixEncoding(_ request: Request) -> Status {
    let encoding = request.contentEncoding
    guard !encoding.isEmpty, let accepted = request.headersIn["Accept-Encoding"] else { return .declined }
    var isDone = false
    accepted.eachListElement { element in
        let name = element.upTo(element.firstIndex(of: UInt8(ascii: ";")) ?? element.count).trimmed
        if isDone || name.equalsIgnoringCase(encoding) { return isDone = true }
        guard name.withoutX.equalsIgnoringCase(encoding.withoutX) else { return }
        request.contentEncoding = name
        isDone = true
    }
    return .declined
}
