import ModuleKit

/// Says how long answers may be kept: the fields Expires and Cache-Control, by media type.
final class Expires: Module {
    typealias DirConf = ExpiryConf

    static let info = ModuleInfo("expires_module", version: "1.0")
    static let directives = expiryDirectives

    init(_ host: Host) throws {
        // Header directives have the last word.
        try host.hooks.responseHead(Order(.middle, before: ["headers_module"], flags: .explainable)) { request in
            let conf = request.confPointer(ExpiryConf.self)
            if conf.pointee.isActive == .on { setExpiry(of: request, conf) }
        }
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    Expires.descriptor(for: host, named: name)
}
