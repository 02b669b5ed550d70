import ModuleKit

/// Document roots composed of the host name, or the address, that a request asks for.
final class VhostAlias: Module {
    typealias ServerConf = VhostAliasConf

    static let info = ModuleInfo("vhost_alias_module", version: "1.0")
    static let directives: [Directive] = [
        pattern("VirtualDocumentRoot", isByAddress: false, \.documents),
        pattern("VirtualDocumentRootIP", isByAddress: true, \.documents),
        pattern("VirtualScriptAlias", isByAddress: false, \.scripts),
        pattern("VirtualScriptAliasIP", isByAddress: true, \.scripts),
    ]

    init(_ host: Host) throws {
        try host.hooks.translateName(Order(.late, flags: .explainable)) {
            translate($0)
        }
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    VhostAlias.descriptor(for: host, named: name)
}

/// A directory with parts of a name in it.
struct NamePattern: BitwiseCopyable {
    /// Unset: nothing is said. Empty: none.
    var text = Bytes.none
    var isByAddress = false
}

struct VhostAliasConf: Configuration {
    var documents = NamePattern()
    var scripts = NamePattern()

    func merged(over base: VhostAliasConf, settings: [(inout VhostAliasConf) -> Void]) -> VhostAliasConf {
        VhostAliasConf(
            documents: documents.text.isSet ? documents : base.documents,
            scripts: scripts.text.isSet ? scripts : base.scripts)
    }
}

private func pattern(
    _ name: String, isByAddress: Bool, _ path: WritableKeyPath<VhostAliasConf, NamePattern>
) -> Directive {
    Directive(name, .one, in: .server, help: "directory with parts of the name in it, or none") { command, words in
        let isNone = words[0].equalsIgnoringCase("none")
        if !isNone { try Interpolation.check(words[0]) }
        command.serverConfiguration(VhostAliasConf.self).pointee[keyPath: path] = NamePattern(
            text: isNone ? Bytes("") : command.pool.copy(words[0]), isByAddress: isByAddress)
    }
}

private func translate(_ request: Request) -> Status {
    let conf = request.serverConf(VhostAliasConf.self)
    let path = request.path
    guard path.hasPrefix("/") else { return .declined }
    if path.hasPrefix("/cgi-bin/"), !conf.pointee.scripts.text.isEmpty {
        let rest = path.from(8)
        guard let file = Interpolation.file(conf.pointee.scripts, rest, request) else { return .status(400) }
        request.filename = file
        request.handler = Bytes("cgi-script")
        request.notes["alias-forced-type"] = Bytes("cgi-script")
        return .ok
    }
    guard !conf.pointee.documents.text.isEmpty else { return .declined }
    guard let file = Interpolation.file(conf.pointee.documents, path, request) else { return .status(400) }
    request.filename = file
    let root = file.upTo(file.count - path.count)
    request.set(APUS_R_LOCAL_ROOT, root)
    return .ok
}
