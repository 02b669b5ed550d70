import ModuleKit

/// Lists directories that have no index file.
final class Autoindex: Module {
    typealias DirConf = IndexConf

    static let info = ModuleInfo(
        "autoindex_module", version: "1.0", requires: [APUS_EXT_SUBREQUEST, APUS_EXT_TASKS])
    static let directives = indexDirectives

    init(_ host: Host) throws {
        try host.hooks.handler(Order(.middle, flags: .maySuspend)) { try list($0, host) }
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    Autoindex.descriptor(for: host, named: name)
}

/// The handler of directories that nothing else has claimed.
private func list(_ request: Request, _ host: Host) throws -> Status {
    guard request.handler == "httpd/unix-directory", request.method == "GET" || request.method == "HEAD" else {
        return .declined
    }
    guard request.allows(APUS_OPTION_INDEXES) else {
        let names = request.notes["dir-index-names"]
        host.log.write(
            .error, code: "AH01276", request: request,
            "cannot serve directory \(request.filename.string): no DirectoryIndex (\(names?.string ?? "none")) is there, "
                + "and Options does not allow Indexes")
        return .status(403)
    }
    guard let listing = Listing(request, host) else { return .status(403) }
    return try listing.start()
}
