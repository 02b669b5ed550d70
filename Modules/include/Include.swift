import Glibc
import ModuleKit

/// Server-side includes: documents with elements that are replaced while the documents are sent.
final class Include: Module {
    typealias ServerConf = IncludeTags
    typealias DirConf = IncludeConf

    static let info = ModuleInfo(
        "include_module", version: "1.0",
        requires: [APUS_EXT_FILTERS, APUS_EXT_SUBREQUEST, APUS_EXT_TASKS, APUS_EXT_EXPR, APUS_EXT_REGEX])
    static let directives = includeDirectives

    init(_ host: Host) throws {
        // What it inserts is content for the others that work on content.
        try host.outputFilter("INCLUDES", stage: APUS_STAGE_CONTENT, IncludeFilter.self)
        try host.hooks.fixups(Order(.last, flags: .explainable)) { try chooseFilter($0) }
        // httpd knows this function in documents only; elsewhere it has no variables of a document to tell of.
        try host.expressionFunction("v") { Document.of($0)?.variables.value($1) ?? $0.environment[$1] }
        try host.hooks.checkConfig { Execution.isOffered = Execution.isOffered(by: host) }
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    Include.descriptor(for: host, named: name)
}

/// The handler of former times, and XBitHack, put the filter on documents.
private func chooseFilter(_ request: Request) throws -> Status {
    if request.handler == "server-parsed" {
        if request.contentType.isEmpty { request.contentType = Bytes("text/html") }
        request.handler = Bytes("default-handler")
    } else {
        let conf = request.confPointer(IncludeConf.self)
        guard conf.pointee.bitHack ?? .off != .off, request.contentType.hasPrefix("text/html"),
            FileMode(request)?.isExecutableByOwner == true
        else { return .declined }
    }
    if !request.isExplain { try request.insertFilter("INCLUDES") }
    return .declined
}

/// What the permissions of a document say.
struct FileMode {
    private let mode: mode_t

    init?(_ request: Request) {
        var info = stat()
        guard request.fileType == APUS_FILE_REGULAR, let path = request.filename.ptr, stat(path, &info) == 0 else { return nil }
        mode = info.st_mode
    }

    var isExecutableByOwner: Bool { mode & S_IXUSR != 0 }
    var isExecutableByGroup: Bool { mode & S_IXGRP != 0 }
}
