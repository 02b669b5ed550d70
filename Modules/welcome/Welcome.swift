import ModuleKit

/// Tells the welcome page what this server has loaded.
final class Welcome: Module {
    static let info = ModuleInfo("welcome_module", version: "1.0")

    init(_ host: Host) throws {
        try host.hooks.handler(.middle) { request in
            guard request.handler == "apus-modules" else { return .declined }
            return try request.reply(200, text: Welcome.report(host), contentType: "application/json")
        }
    }

    /// The loaded modules as JSON.
    private static func report(_ host: Host) -> String {
        var rows: [String] = []
        host.eachModule { name, version, file, toolchain in
            rows.append(
                "{\"name\":\"\(name.string)\",\"version\":\"\(version.string)\","
                    + "\"builtin\":\(file.isEmpty),\"toolchain\":\"\(toolchain.string)\"}")
        }
        return "{\"server\":\"\(host.version.string)\",\"modules\":[\(rows.joined(separator: ","))]}\n"
    }
}

@c(apus_module_entry)
public func entry(_ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>) -> UnsafePointer<apus_module>? {
    Welcome.descriptor(for: host, named: name)
}
