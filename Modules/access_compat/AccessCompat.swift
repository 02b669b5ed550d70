import AuthKit
import ModuleKit

/// Order, Allow, Deny and Satisfy: access by where the client is, as it was written before Require could say it.
final class AccessCompat: Module {
    typealias DirConf = AccessConf

    static let info = ModuleInfo(
        "access_compat_module", version: "1.0", requires: [APUS_EXT_FUNCTIONS, APUS_EXT_TASKS])
    static let directives = accessDirectives

    init(_ host: Host) throws {
        let clients = ClientNames(host)
        try host.hooks.access(Order(.middle, flags: [.maySuspend, .explainable])) {
            try checkAccess($0, clients, host.log)
        }
        let satisfies: @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?) -> Int32 = { context, r in
            let host = Unmanaged<HostReference>.fromOpaque(context.unsafelyUnwrapped).takeUnretainedValue().host
            return satisfaction(Request(r.unsafelyUnwrapped, host: host)).rawValue
        }
        try host.publish(
            "access_compat.satisfies", "i(xR)", unsafeBitCast(satisfies, to: apus_fn.self),
            context: HostReference(host.raw))
        try host.hooks.checkConfig { warnAboutOpenDoors(host) }
    }
}

/// The module's handle behind a context pointer.
private final class HostReference {
    let host: UnsafePointer<apus_host>

    init(_ host: UnsafePointer<apus_host>) { self.host = host }
}

/// What Satisfy asks of a request.
///
/// "Any" counts only where Order, Allow or Deny has something to say: elsewhere nobody would ever be refused by where they
/// are, so that everybody would be let in.
private func satisfaction(_ request: Request) -> Satisfaction {
    let conf = request.confPointer(AccessConf.self)
    let said = conf.pointee.satisfaction(for: request)
    return said == .any && !conf.pointee.hasRules(for: request) ? .unset : said
}

/// The access_checker hook.
private func checkAccess(_ request: Request, _ clients: ClientNames, _ log: Log) throws -> Status {
    _ = request.finishedWork()
    let conf = request.confPointer(AccessConf.self)
    guard conf.pointee.hasRules(for: request) else { return .declined }
    var verdict = conf.pointee.decide(request, clients)
    while verdict == .later {
        let work = apus_work(clients.lookup(for: request), host: request.host)
        guard try request.wait(for: work) != nil else { return .suspended }
        verdict = conf.pointee.decide(request, clients)
    }
    guard verdict == .no else { return .ok }
    if satisfaction(request) != .any {
        let file = request.filename
        let what = file.isSet ? file.string : "uri " + request.path.string
        log.write(.error, code: "AH01797", request: request, "client denied by server configuration: \(what)")
    }
    return .status(403)
}

/// Says where a `Satisfy Any` has no effect here and would let everybody in with httpd.
private func warnAboutOpenDoors(_ host: Host) {
    for door in openDoors.all where !door.conf.pointee.hasAnyRules {
        host.report(
            .warn, code: "APUS3103", file: door.file, line: door.line,
            "Satisfy Any has no effect in a section without Order, Allow or Deny: Require alone decides there, where httpd"
                + " would let everybody in; use <RequireAny>, or say \"Deny from all\" and whom to allow")
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    AccessCompat.descriptor(for: host, named: name)
}
