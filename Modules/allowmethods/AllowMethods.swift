import ModuleKit

/// Refuses methods that a directory does not want.
final class AllowMethods: Module {
    typealias DirConf = AllowMethodsConf

    static let info = ModuleInfo("allowmethods_module", version: "1.0")
    static let directives = [
        Directive("AllowMethods", .many(1), in: [.directory, .location, .files], help: "reset, or method [method] …") {
            try setMethods($0, $1)
        }
    ]

    init(_ host: Host) throws {
        try host.hooks.access(Order(.first, flags: .explainable)) { request in
            let conf = request.confPointer(AllowMethodsConf.self)
            guard conf.pointee.isSet, !conf.pointee.methods.isEmpty else { return .declined }
            let method = request.method
            for allowed in conf.pointee.methods.elements where allowed == method { return .ok }
            // What may be read as a whole may have its head read.
            if method == "HEAD" {
                for allowed in conf.pointee.methods.elements where allowed == "GET" { return .ok }
            }
            host.log.write(
                .error, code: "AH01623", request: request,
                "client method denied by server configuration: '\(method.string)' to \(request.filename.string)")
            return .status(405)
        }
    }
}

/// The methods of a directory; none: all.
struct AllowMethodsConf: Configuration, BitwiseCopyable {
    var isSet = false
    var methods = PoolArray<Bytes>()

    func merged(
        over base: AllowMethodsConf, settings: [(inout AllowMethodsConf) -> Void], in pool: Pool
    ) -> AllowMethodsConf {
        isSet ? self : base
    }
}

private func setMethods(_ command: Command, _ words: Arguments) throws {
    let conf = command.configuration(AllowMethodsConf.self)
    conf.pointee = AllowMethodsConf(isSet: true)
    guard !(words.count == 1 && words[0].equalsIgnoringCase("reset")) else { return }
    for index in 0..<words.count {
        conf.pointee.methods.append(command.pool.copy(words[index]), in: command.pool)
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    AllowMethods.descriptor(for: host, named: name)
}
