import ModuleKit

/// Changes the header fields of requests and answers.
final class Headers: Module {
    typealias DirConf = HeadersConf

    static let info = ModuleInfo("headers_module", version: "1.0", requires: [APUS_EXT_EXPR, APUS_EXT_REGEX])
    static let directives = headerDirectives

    init(_ host: Host) throws {
        let desk = FieldDesk(host: host)
        try host.hooks.postReadRequest(Order(.first, flags: .explainable)) { request in
            let conf = request.confPointer(HeadersConf.self)
            guard conf.pointee.hasEarly, !request.isSubrequest else { return .declined }
            desk.run(conf.pointee.request, on: request.headersIn, request, isEarly: true)
            desk.run(conf.pointee.always, on: request.errorHeadersOut, request, isEarly: true)
            desk.run(conf.pointee.onSuccess, on: request.headersOut, request, isEarly: true)
            return .declined
        }
        try host.hooks.fixups(Order(.last, flags: .explainable)) { request in
            let conf = request.confPointer(HeadersConf.self)
            if !conf.pointee.request.isEmpty { desk.run(conf.pointee.request, on: request.headersIn, request, isEarly: false) }
            return .declined
        }
        try host.hooks.responseHead(Order(.middle, flags: .explainable)) { request in
            let conf = request.confPointer(HeadersConf.self)
            if !conf.pointee.always.isEmpty {
                desk.run(conf.pointee.always, on: request.errorHeadersOut, request, isEarly: false)
            }
            // The server's own page for a status is no success.
            if !conf.pointee.onSuccess.isEmpty, request.number(APUS_R_OWN_PAGE) == 0 {
                desk.run(conf.pointee.onSuccess, on: request.headersOut, request, isEarly: false)
            }
        }
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    Headers.descriptor(for: host, named: name)
}
