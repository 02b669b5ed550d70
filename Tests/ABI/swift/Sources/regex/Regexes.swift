import ModuleKit
import Support

/// Regular expressions: compiled, matched and substituted. The query is the flags, fields hold the rest.
final class Regexes: Module {
    static let info = ModuleInfo("abi_regex_module", version: "1.0", requires: [APUS_EXT_REGEX])

    init(_ host: Host) throws {
        let table = host.table(APUS_EXT_REGEX, as: apus_regex_v1.self)
        try host.hooks.handler(.middle) { request in
            guard request.handler == "abi" else { return .declined }
            return try request.reply(200, text: Regexes.run(request, table), contentType: "text/plain")
        }
    }

    private static func run(_ request: Request, _ table: UnsafePointer<apus_regex_v1>) -> String {
        let subject = request.headersIn["X-Subject"] ?? .none
        let source = request.headersIn["X-Pattern"] ?? .none
        let flags = UInt32(request.query.string) ?? 0
        let pattern: Pattern
        do {
            pattern = try Pattern(source, flags: flags, in: request.pool)
        } catch {
            var regex: OpaquePointer?
            var reason = Bytes.none
            let status = table.pointee.compile(request.pool.raw, source, flags, &regex, &reason)
            return "compile \(status) \(reason.isEmpty ? "" : "with a reason")\n"
        }
        var text = "compile 0 \ngroups \(pattern.groups)\n"
        withUnsafeTemporaryAllocation(of: Int64.self, capacity: 8) { spans in
            var regex: OpaquePointer?
            var reason = Bytes.none
            _ = table.pointee.compile(request.pool.raw, source, flags, &regex, &reason)
            let status = table.pointee.match(regex, subject, spans.baseAddress, 4)
            text += "match \(status)"
            if status == APUS_OK {
                guard pattern.match(subject, spans: spans) else { return text += "?" }
                for group in 0..<4 { text += " \(spans[2 * group])-\(spans[2 * group + 1])" }
            }
            text += "\nmatch \(table.pointee.match(regex, subject, nil, 0))\n"
        }
        if pattern.matches(subject), let replacement = request.headersIn["X-Replacement"] {
            text +=
                "made \(pattern.substitute(replacement, matching: subject, in: request.pool)?.string ?? "nothing")\n"
        }
        return text
    }
}

@c(apus_module_entry)
public func entry(_ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>) -> UnsafePointer<
    apus_module
>? {
    Regexes.descriptor(for: host, named: name)
}
